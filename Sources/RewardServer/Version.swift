/// The program's version.
enum Version {
    /// As `--version` and `/version` give it.
    static let current = "0.1.0"
}
