import Shared

/// Whether a model fits before any of its weights is read.
enum MemoryCheck {
    /// Refuses a model that cannot fit.
    ///
    /// - Parameters:
    ///   - needed: Bytes that the model is expected to take at its highest.
    ///   - model: What to call the model.
    ///   - available: What there is; `nil` when that is not known, which refuses nothing.
    /// - Throws: ``MemoryError/tooLarge(model:needed:available:source:)``.
    static func require(_ needed: Int, for model: String, of available: AvailableMemory?) throws(MemoryError)
    {
        guard let available, needed > available.byteCount else { return }
        throw .tooLarge(
            model: model,
            needed: needed,
            available: available.byteCount,
            source: available.source
        )
    }
}

/// Why a model is not loaded.
enum MemoryError: Error, Equatable, CustomStringConvertible {
    /// It needs more memory than there is.
    case tooLarge(model: String, needed: Int, available: Int, source: AvailableMemory.Source)

    /// One line: the figures, and what to do.
    var description: String {
        switch self {
        case .tooLarge(let model, let needed, let available, let source):
            "\(model) needs about \(ByteText.gibibytes(needed)) of memory, \(source.rawValue) leaves "
                + "\(ByteText.gibibytes(available)); free some, take a smaller or a quantised model, or add --force"
        }
    }
}
