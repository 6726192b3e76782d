package policy

import (
	"context"
	"slices"
)

// Advise logs how much [Check] finds in the folder whose policy became active, with the first of it
// and where to read the rest. It says nothing where nothing is found, and nothing of other sources:
// only a folder has an author beside it. A check takes longer than a load, so nothing waits for
// this.
func (p *Policies) Advise(ctx context.Context) {
	f, ok := p.source.(folder)
	if !ok || p.Current() == nil {
		return
	}
	findings, err := Check(ctx, f.dir, p.loader.config)
	if err != nil || ctx.Err() != nil {
		return // the next load says what is wrong
	}
	findings = slices.DeleteFunc(findings, func(f Finding) bool { return f.Severity == SeverityInfo })
	if len(findings) == 0 {
		return
	}
	errors := 0
	for _, one := range findings {
		if one.Severity == SeverityError {
			errors++
		}
	}
	p.log.WarnContext(ctx, "the active policy most likely does something else than is meant",
		"errors", errors, "warnings", len(findings)-errors, "first", findings[0].String(), "try", "stepup check "+f.dir+" --package "+p.Package())
}
