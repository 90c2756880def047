import Foundation

/// A model of a hub: `org/name`, or `org/name@revision`.
///
/// A revision is a branch, a tag, or a commit in full or shortened. Names that could leave the cache's folder, or that a
/// shell would read differently, cannot be made.
///
/// Source of the rules for names: `validate_repo_id` of huggingface_hub.
package struct HubReference: Sendable, Hashable, CustomStringConvertible {
    /// The revision that a reference without one means.
    package static let defaultRevision = "main"

    /// `org/name`.
    package let repository: String
    /// The revision as it was asked for; nil means ``defaultRevision``.
    package let revision: String?

    /// Parses `org/name[@revision]`.
    ///
    /// - Parameter text: The argument of a command.
    /// - Throws: ``HubError/invalidReference(text:reason:)``.
    package init(_ text: String) throws(HubError) {
        let parts = text.split(separator: "@", maxSplits: 1, omittingEmptySubsequences: false).map(
            String.init
        )
        try self.init(repository: parts[0], revision: parts.count > 1 ? parts[1] : nil)
    }

    /// Checks a name and a revision.
    ///
    /// - Parameters:
    ///   - repository: `org/name`.
    ///   - revision: A branch, a tag or a commit; nil means ``defaultRevision``.
    /// - Throws: ``HubError/invalidReference(text:reason:)``.
    package init(repository: String, revision: String?) throws(HubError) {
        let text = repository + (revision.map { "@\($0)" } ?? "")
        if let reason = Self.fault(inRepository: repository) ?? revision.flatMap(Self.fault(inRevision:)) {
            throw .invalidReference(text: text, reason: reason)
        }
        self.repository = repository
        self.revision = revision
    }

    /// `org/name` or `org/name@revision`.
    package var description: String { repository + (revision.map { "@\($0)" } ?? "") }

    /// The revision to look for.
    package var effectiveRevision: String { revision ?? Self.defaultRevision }

    /// The command that fetches the model.
    package var pullCommand: String { "reward-server pull \(self)" }

    /// Whether a text is a commit in full: 40 hexadecimal digits in lower case.
    package static func isCommit(_ text: String) -> Bool {
        text.utf8.count == 40 && text.utf8.allSatisfy(isHexadecimalDigit)
    }

    /// Whether a text may be the beginning of a commit.
    static func isShortCommit(_ text: String) -> Bool {
        (7..<40).contains(text.utf8.count) && text.utf8.allSatisfy(isHexadecimalDigit)
    }

    private static func isHexadecimalDigit(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x61...0x66).contains(byte)
    }

    private static func isNameCharacter(_ scalar: Unicode.Scalar) -> Bool {
        scalar.isASCII && (scalar.properties.isAlphabetic || "0123456789._-".unicodeScalars.contains(scalar))
    }

    private static func fault(inRepository repository: String) -> String? {
        let parts = repository.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2 else { return "a model of a hub is org/name or org/name@revision" }
        guard repository.utf8.count <= 96 else { return "the name is longer than 96 characters" }
        for part in parts {
            guard let first = part.first, let last = part.last else { return "org or name is empty" }
            guard part.unicodeScalars.allSatisfy(isNameCharacter) else {
                return "names consist of letters, digits, '.', '_' and '-'"
            }
            guard !".-".contains(first), !".-".contains(last) else {
                return "names do not begin or end with '.' or '-'"
            }
        }
        if repository.contains("--") || repository.contains("..") {
            return "names hold neither '--' nor '..'"
        }
        return repository.hasSuffix(".git") ? "names do not end with '.git'" : nil
    }

    private static func fault(inRevision revision: String) -> String? {
        guard !revision.isEmpty, revision.utf8.count <= 200 else {
            return "a revision has 1 to 200 characters"
        }
        guard revision.unicodeScalars.allSatisfy({ isNameCharacter($0) || "/+".unicodeScalars.contains($0) })
        else {
            return "revisions consist of letters, digits and . _ - / +"
        }
        let parts = revision.split(separator: "/", omittingEmptySubsequences: false)
        let isSound = parts.allSatisfy { part in
            !part.isEmpty && !part.hasPrefix(".") && !part.hasPrefix("-") && !part.hasSuffix(".")
                && !part.hasSuffix(".lock") && !part.contains("..")
        }
        return isSound ? nil : "it is no name of a branch, a tag or a commit"
    }
}
