/// The version of both programs.
package enum Version {
    /// As `--version` and `/version` give it.
    package static let current = "0.1.0"
}
