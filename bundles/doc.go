// Package bundles holds what is published as OPA bundles: one folder for each, with its manifest
// and what is laid over the folder of the same name in policies/. `make bundles` builds, signs and
// checks them; README.md says how to do each step by hand. There is no Go in it but the test that
// does what the page says.
package bundles
