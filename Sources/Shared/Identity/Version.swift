/// The version of both programs.
public enum Version {
    /// As `--version` and `/version` give it.
    public static let current = "0.1.0"
}
