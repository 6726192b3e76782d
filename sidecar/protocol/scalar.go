package protocol

import "strconv"

// Integer reads a whole number that fits into 64 bits, written without a point or an
// exponent.
func (d *Decoder) Integer(into *int64) error {
	t, err := d.token('0')
	if err != nil {
		return err
	}
	if *into, err = strconv.ParseInt(t.String(), 10, 64); err != nil {
		return d.Refuse("must be a whole number of at most 64 bits")
	}
	return nil
}

// Boolean reads true or false.
func (d *Decoder) Boolean(into *bool) error {
	t, err := d.any()
	if err != nil {
		return err
	}
	if t.Kind() != 't' && t.Kind() != 'f' {
		return d.Refuse("must be a boolean, not " + kindNames[t.Kind()])
	}
	*into = t.Bool()
	return nil
}
