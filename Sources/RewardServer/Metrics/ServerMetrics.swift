import Shared

/// What the server has done since it started, for `GET /metrics`.
///
/// Labels take few values: routes are those that exist, codes are the server's own. Nothing of a request's content is
/// kept.
final class ServerMetrics: Sendable {
    private struct Contents {
        var requests: [Route: Int] = [:]
        var rejections: [String: Int] = [:]
        var items: [String: Int] = [:]
        var usage = ScoreUsage()
        var lowMass = 0
        var request = Histogram(bounds: Histogram.secondsBounds)
        var queue = Histogram(bounds: Histogram.secondsBounds)
        var stages = Dictionary(
            uniqueKeysWithValues: Stage.allCases.map { ($0, Histogram(bounds: Histogram.secondsBounds)) }
        )
        var batch = Histogram(bounds: Histogram.countBounds)
        var pass = Histogram(bounds: Histogram.countBounds)
        var score = Histogram(bounds: Histogram.unitBounds)
        var mass = Histogram(bounds: Histogram.unitBounds)
    }

    private struct Route: Hashable {
        let path: String
        let code: Int
    }

    private enum Stage: String, CaseIterable {
        case decode, vision, prefill, head

        func milliseconds(of timings: ScoreTimings) -> Double {
            switch self {
            case .decode: timings.decode
            case .vision: timings.vision
            case .prefill: timings.prefill
            case .head: timings.head
            }
        }
    }

    private let contents = Lock(Contents())

    /// Counts a reply.
    ///
    /// - Parameters:
    ///   - route: The path as the routes name it; `other` when nothing is served there.
    ///   - code: The status.
    ///   - rejection: The code of the error; `nil` when there is none.
    func record(route: String, code: Int, rejection: String? = nil) {
        contents.withLock { contents in
            contents.requests[Route(path: route, code: code), default: 0] += 1
            if let rejection {
                contents.rejections[rejection, default: 0] += 1
            }
        }
    }

    /// Counts a group that went through the model, whether or not its candidates have scores.
    ///
    /// - Parameters:
    ///   - response: Its reply.
    ///   - groupCount: How many groups were in its forward pass.
    func record(_ response: EditScoresResponse, sharedPass groupCount: Int) {
        contents.withLock { contents in
            let usage = response.usage
            contents.usage.promptTokens += usage.promptTokens
            contents.usage.cachedTokens += usage.cachedTokens
            contents.usage.imageTokens += usage.imageTokens
            contents.usage.imagesEncoded += usage.imagesEncoded
            contents.usage.imagesCached += usage.imagesCached
            if let timings = response.timings {
                contents.request.observe(timings.total / 1_000)
                contents.queue.observe(timings.queue / 1_000)
                for stage in Stage.allCases {
                    contents.stages[stage]?.observe(stage.milliseconds(of: timings) / 1_000)
                }
            }
            contents.batch.observe(Double(response.scores.count))
            contents.pass.observe(Double(groupCount))
            for item in response.scores {
                switch item.outcome {
                case .score(let score):
                    contents.items["scored", default: 0] += 1
                    contents.score.observe(score.score)
                    if let mass = score.mass { contents.mass.observe(mass) }
                    contents.lowMass += score.warnings.contains("low_label_mass") ? 1 : 0
                case .failure(let failure):
                    contents.items[failure.type, default: 0] += 1
                    contents.lowMass += failure.type == "low_label_mass" ? 1 : 0
                }
            }
        }
    }

    /// The metrics as Prometheus reads them.
    ///
    /// - Parameters:
    ///   - model: The model, once it is there.
    ///   - queueDepth: Candidates that wait or are worked on.
    /// - Returns: The text.
    func text(model: JudgeIdentity?, queueDepth: Int) -> String {
        let contents = contents.withLock { $0 }
        var text = MetricsText()
        Self.add(load: contents, queueDepth: queueDepth, to: &text)
        Self.add(results: contents, to: &text)
        text.add("reward_build_info", "gauge", "The program.", [([("version", Version.current)], 1)])
        if let model {
            let labels: MetricsText.Labels = [
                ("model", model.name), ("family", model.family), ("fingerprint", model.fingerprint),
            ]
            text.add("reward_model_info", "gauge", "The model that is loaded.", [(labels, 1)])
        }
        text.add(
            "process_resident_memory_bytes",
            "gauge",
            "Memory that the process holds.",
            Double(ProcessMemory.residentByteCount)
        )
        return text.text
    }

    private static func add(load contents: Contents, queueDepth: Int, to text: inout MetricsText) {
        text.add(
            "reward_requests_total",
            "counter",
            "Requests by route and status.",
            contents.requests.sorted { ($0.key.path, $0.key.code) < ($1.key.path, $1.key.code) }.map {
                ([("route", $0.key.path), ("code", String($0.key.code))], Double($0.value))
            }
        )
        text.add(
            "reward_rejected_total",
            "counter",
            "Requests that were refused, by the code of the error.",
            counts(contents.rejections, by: "reason")
        )
        text.add(
            "reward_queue_depth",
            "gauge",
            "Candidates that wait or are worked on.",
            Double(queueDepth)
        )
        text.add("reward_request_seconds", "From a request to its scores.", [([], contents.request)])
        text.add("reward_queue_wait_seconds", "Waiting for the model.", [([], contents.queue)])
        text.add(
            "reward_stage_seconds",
            "Time in each stage of a request.",
            Stage.allCases.compactMap { stage in
                contents.stages[stage].map { ([("stage", stage.rawValue)], $0) }
            }
        )
        text.add("reward_batch_items", "Candidates of a request.", [([], contents.batch)])
        text.add("reward_pass_requests", "Requests in the forward pass of a request.", [([], contents.pass)])
    }

    private static func add(results contents: Contents, to text: inout MetricsText) {
        let usage = contents.usage
        text.add(
            "reward_items_total",
            "counter",
            "Candidates by outcome: scored, or the type of the failure.",
            counts(contents.items, by: "outcome")
        )
        text.add("reward_score", "Scores, 0 to 1.", [([], contents.score)])
        text.add("reward_label_mass", "Probability of all labels together.", [([], contents.mass)])
        for (name, help, value) in [
            ("reward_low_mass_total", "Candidates whose labels hold little probability.", contents.lowMass),
            ("reward_prompt_tokens_total", "Tokens of prompts.", usage.promptTokens),
            ("reward_image_tokens_total", "Tokens of prompts that stand for images.", usage.imageTokens),
            ("reward_prefix_cache_queries_tokens_total", "Tokens looked for.", usage.promptTokens),
            ("reward_prefix_cache_hit_tokens_total", "Tokens found in the cache.", usage.cachedTokens),
            (
                "reward_image_cache_queries_total", "Images looked for.",
                usage.imagesEncoded + usage.imagesCached
            ),
            ("reward_image_cache_hits_total", "Images found in the cache.", usage.imagesCached),
        ] {
            text.add(name, "counter", help, Double(value))
        }
    }

    private static func counts(
        _ counts: [String: Int],
        by label: String
    ) -> [(labels: MetricsText.Labels, value: Double)] {
        counts.sorted { $0.key < $1.key }.map { ([(label, $0.key)], Double($0.value)) }
    }
}
