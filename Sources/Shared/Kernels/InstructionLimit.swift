import Foundation

/// The environment's limit on vector instructions, for tests of narrower kernels and for comparisons.
package enum InstructionLimit {
    static let variable = "EDIT_R1_MAX_ISA"
    static let choices = ["avx512", "avx2", "portable"]

    /// Looks at the limit before anything computes.
    ///
    /// - Parameter environment: Variables by name; the process's own when left out.
    /// - Throws: ``InstructionLimitError`` for a limit that no kernel knows.
    package static func check(_ environment: [String: String]? = nil) throws(InstructionLimitError) {
        guard let value = (environment ?? ProcessInfo.processInfo.environment)[variable] else { return }
        guard choices.contains(value) else { throw InstructionLimitError(value: value) }
    }
}

/// A limit on instructions that no kernel knows.
package struct InstructionLimitError: Error, Equatable, CustomStringConvertible {
    /// What the environment says.
    package let value: String

    /// One line for people.
    package var description: String {
        let choices = InstructionLimit.choices.joined(separator: ", ")
        return "\(InstructionLimit.variable) is \"\(value)\"; unset it, or take one of \(choices)"
    }
}
