import HTTPTypes
import Hummingbird
import Imaging
import NIOCore
import Shared

/// The routes that say what the server is and what it has; none of them waits for the model.
struct InformationEndpoints: Sendable {
    let state: ServerState
    let limits: ServerLimits
    let queue: ScoreQueue
    let metrics: ServerMetrics

    /// `GET /healthz`: the process is up.
    func health() -> Response {
        JSONReply.response(["status": "ok"])
    }

    /// `GET /readyz`: the model is there and the server takes work.
    ///
    /// - Throws: ``WireError/loading`` or ``WireError/draining``.
    func readiness() throws(WireError) -> Response {
        switch state.phase {
        case .loading: throw .loading
        case .draining: throw .draining
        case .ready: return JSONReply.response(["status": "ready"])
        }
    }

    /// `GET /version`.
    func version() -> Response {
        JSONReply.response(["version": Version.current])
    }

    /// `GET /metrics`: what the server has done, in the text format of Prometheus.
    func metricsText() -> Response {
        let text = metrics.text(model: try? state.model().identity, queueDepth: queue.depth)
        return Response(
            status: .ok,
            headers: [.contentType: MetricsText.mediaType],
            body: ResponseBody(byteBuffer: ByteBuffer(string: text))
        )
    }

    /// `GET /v1/models`.
    func models() throws(WireError) -> Response {
        JSONReply.response(ModelList(data: [ModelObject(try state.model().identity)]))
    }

    /// `GET /v1/models/{id}`.
    func model(_ name: String) throws -> Response {
        let identity = try state.model().identity
        guard identity.name == name else {
            throw RequestError.unknownModel(name: String(name.prefix(80)), known: identity.name)
        }
        return JSONReply.response(ModelObject(identity))
    }

    /// `GET /v1/rubrics`: every rubric in full, the default first.
    func rubrics() throws(WireError) -> Response {
        let rubrics = try state.model().rubrics
        return JSONReply.response(
            RubricList(
                default: rubrics.standard.name,
                data: rubrics.all.map { rubric in
                    RubricList.Entry(identity: rubric.identity, rubric: rubric.document)
                }
            )
        )
    }

    /// `GET /v1/info`: version, model, limits and load.
    func information() throws(WireError) -> Response {
        let model = try state.model()
        let identity = model.identity
        return JSONReply.response(
            Information(
                version: Version.current,
                model: ModelObject(identity),
                device: "cpu",
                dtype: "float32",
                precision: identity.precision,
                threads: Parallel.threadCount,
                preprocessHash: identity.preprocessHash,
                limits: Information.Limits(limits, images: model.scorer.imageLimits),
                queueDepth: queue.depth
            )
        )
    }
}

private struct ModelObject: Encodable {
    let id: String
    let object = "model"
    let family: String
    let parameters: Int
    let fingerprint: String

    init(_ identity: JudgeIdentity) {
        id = identity.name
        family = identity.family
        parameters = identity.parameterCount
        fingerprint = identity.fingerprint
    }
}

private struct ModelList: Encodable {
    let object = "list"
    let data: [ModelObject]
}

private struct RubricList: Encodable {
    let object = "list"
    let `default`: String
    let data: [Entry]

    struct Entry: Encodable {
        let name: String
        let hash: String
        let rubric: RubricDocument

        init(identity: RubricIdentity, rubric: RubricDocument) {
            name = identity.name
            hash = identity.hash
            self.rubric = rubric
        }
    }
}

private struct Information: Encodable {
    let version: String
    let model: ModelObject
    let device: String
    let dtype: String
    let precision: String
    let threads: Int
    let preprocessHash: String
    let limits: Limits
    let queueDepth: Int

    private enum CodingKeys: String, CodingKey {
        case version, model, device, dtype, precision, threads
        case preprocessHash = "preprocess_hash"
        case limits
        case queueDepth = "queue_depth"
    }

    struct Limits: Encodable {
        let maximumBody: Int
        let maximumEdits: Int
        let maximumQueue: Int
        let maximumText: Int
        let maximumImagePixels: Int
        let maximumImageBytes: Int

        init(_ limits: ServerLimits, images: DecodeLimits) {
            maximumBody = limits.maximumBody
            maximumEdits = limits.maximumEdits
            maximumQueue = limits.maximumQueue
            maximumText = RequestError.maximumTextLength
            maximumImagePixels = images.maximumPixels
            maximumImageBytes = images.maximumBytes
        }

        private enum CodingKeys: String, CodingKey {
            case maximumBody = "max_body_bytes"
            case maximumEdits = "max_edits"
            case maximumQueue = "max_queue_items"
            case maximumText = "max_text_characters"
            case maximumImagePixels = "max_image_pixels"
            case maximumImageBytes = "max_image_bytes"
        }
    }
}
