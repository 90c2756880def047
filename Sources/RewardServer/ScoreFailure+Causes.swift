import Imaging
import Shared

extension ScoreFailure {
    /// A failure of an image's text: it is no data URI.
    init(_ error: DataURIError, name: String) {
        self.init(type: "invalid_image", code: "invalid_data_uri", message: "\(name): \(error)")
    }

    /// A failure of an image's bytes: they cannot be decoded.
    init(_ error: DecodeError) {
        let code =
            switch error {
            case .empty: "empty_image"
            case .unrecognized: "unrecognized_image"
            case .truncated(_, let format, _): "truncated_\(format.rawValue)"
            case .corrupt(_, let format, _): "corrupt_\(format.rawValue)"
            case .unsupported(_, let format, _): "unsupported_\(format.rawValue)"
            case .tooManyBytes: "too_many_bytes"
            case .tooManyPixels: "too_many_pixels"
            case .tooMuchMetadata, .tooManyMetadataParts: "too_much_metadata"
            case .unreadable: "unreadable_image"
            }
        self.init(type: "invalid_image", code: code, message: error.description)
    }

    /// A failure of an answer: there is no score in it.
    init(_ error: ScoreError) {
        switch error {
        case .nonFiniteLogits:
            self.init(type: "model_error", code: "non_finite_logits", message: error.description)
        case .lowLabelMass:
            self.init(type: "low_label_mass", code: "low_label_mass", message: error.description)
        }
    }

    /// A failure of an image's size: the model does not take it.
    ///
    /// - Parameters:
    ///   - error: What the runtime says.
    ///   - name: What the image is called.
    init(preparing error: any Error, name: String) {
        self.init(type: "invalid_image", code: "unsuitable_image", message: "\(name): \(error)")
    }
}
