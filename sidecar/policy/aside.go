package policy

// aside does something while its caller does something else, and returns how to wait for
// what came of it. A panic comes to whoever waits.
func aside[T any](do func() (T, error)) (wait func() (T, error)) {
	type ended struct {
		value T
		err   error
		panic any
	}
	done := make(chan ended, 1)
	go func() {
		var e ended
		defer func() { e.panic = recover(); done <- e }()
		e.value, e.err = do()
	}()
	return func() (T, error) {
		e := <-done
		if e.panic != nil {
			panic(e.panic)
		}
		return e.value, e.err
	}
}
