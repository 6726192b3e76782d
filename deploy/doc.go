// Package deploy holds what stepup is run with: an image, a pod, a unit, a configuration, and
// examples of applications. There is no Go in it but the tests that try these files.
// docs/deploying.md says when to use which.
package deploy
