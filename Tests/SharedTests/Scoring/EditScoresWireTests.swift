import Foundation
import Shared
import Testing

@Suite struct EditScoresWireTests {
    private static let response = """
        {"id":"es_1","object":"edit_scores","created":1760000000,"model":"m","model_fingerprint":"sha256:aa",
         "rubric":{"name":"edit-r1","hash":"sha256:bb"},"preprocess_hash":"sha256:cc",
         "scores":[{"id":"a","index":0,"score":0.75,"raw":3.75,"probs":{"0":0.25,"5":0.75},"argmax":"5",
           "entropy":0.5,"entropy_norm":0.75,"stddev":0.125,"mass":0.5,"warnings":[]},
          {"id":"b","index":1,"error":{"type":"invalid_image","code":"truncated_jpeg","message":"cut"}}],
         "group":{"n":2,"ok":1,"mean":0.75,"std":0,"min":0.75,"max":0.75,"rank":["a"]},
         "usage":{"prompt_tokens":5,"cached_tokens":4,"image_tokens":3,"images_encoded":2,"images_cached":1},
         "timings":{"queue_ms":1,"decode_ms":2,"vision_ms":3,"prefill_ms":4,"head_ms":5,"total_ms":15}}
        """

    private func object(_ data: Data) throws -> NSDictionary {
        try #require(try JSONSerialization.jsonObject(with: data) as? NSDictionary)
    }

    @Test("a reply of the contract is read and written back the same")
    func responseRoundTrip() throws {
        let data = Data(Self.response.utf8)
        let response = try JSONDecoder().decode(EditScoresResponse.self, from: data)
        #expect(response.scores[0].outcome.score?.standardDeviation == 0.125)
        #expect(response.scores[1].outcome.failure?.code == "truncated_jpeg")
        #expect(response.scores[1].outcome.score == nil)
        #expect(response.group == GroupSummary(response.scores))
        #expect(try object(JSONEncoder().encode(response)) == object(data))
    }

    @Test("a reply without the parts that were not asked for is read and written back the same")
    func parts() throws {
        let whole = try JSONDecoder().decode(EditScoresResponse.self, from: Data(Self.response.utf8))
        #expect(whole.keeping(nil) == whole && whole.keeping(ReplyPart.allCases) == whole)
        let bare = whole.keeping([])
        let text = Self.response.replacing(/"probs":\{[^}]*\},/, with: "")
            .replacing(/"entropy".*"mass":0.5,/, with: "")
            .replacing(/,\s*"timings":\{[^}]*\}/, with: "")
        #expect(try JSONDecoder().decode(EditScoresResponse.self, from: Data(text.utf8)) == bare)
        #expect(try object(JSONEncoder().encode(bare)) == object(Data(text.utf8)))
        #expect(bare.keeping([.mass]) == bare && whole.keeping([.mass]).scores[0].outcome.score?.mass == 0.5)
    }

    @Test("the names of parts are listed for one that does not exist")
    func unknownPart() throws {
        let error = #expect(throws: DecodingError.self) {
            try JSONDecoder().decode(ScoreOptions.self, from: Data(#"{"return":["mass","score"]}"#.utf8))
        }
        guard case .dataCorrupted(let context) = error else {
            Issue.record("another error")
            return
        }
        #expect(
            context.debugDescription == #"unknown part "score"; known here: probs, entropy, mass, timings"#
        )
        #expect(context.codingPath.pathText == "return[1]")
    }

    @Test("a request of the contract is read and written back the same")
    func requestRoundTrip() throws {
        let text = """
            {"model":"m","source":{"image":"data:a"},"instruction":"make the hat green","requirement":"keep it",
             "edits":[{"id":"a","image":"data:b"},{"image":"data:c"}],
             "rubric":{"template":"{instruction}","order":"text,source,edited",
               "labels":[{"tokens":["0"],"value":0},{"tokens":["5"," 5"],"value":5}],"normalize":"minmax"},
             "options":{"temperature":1.5,"min_mass":0.25,"deadline_ms":60000,"return":["probs","mass"]},"strict":true}
            """
        let request = try JSONDecoder().decode(EditScoresRequest.self, from: Data(text.utf8))
        #expect(request.edits.map(\.id) == ["a", nil])
        #expect(request.options?.minimumMass == 0.25)
        #expect(request.options?.returned == [.probabilities, .mass])
        #expect(try object(JSONEncoder().encode(request)) == object(Data(text.utf8)))
        let named = text.replacing(
            /"rubric":\{.*\},\n?\s*"options"/.dotMatchesNewlines(),
            with: "\"rubric\":\"x\",\"options\""
        )
        #expect(
            try JSONDecoder().decode(EditScoresRequest.self, from: Data(named.utf8)).rubric == .named("x")
        )
    }

    @Test("an unknown key is named with its path")
    func unknownKeys() throws {
        let text =
            #"{"source":{"image":"a"},"instruction":"b","edits":[{"image":"c"},{"image":"d","url":"e"}]}"#
        let error = #expect(throws: DecodingError.self) {
            try JSONDecoder().decode(EditScoresRequest.self, from: Data(text.utf8))
        }
        guard case .dataCorrupted(let context) = error else {
            Issue.record("another error")
            return
        }
        #expect((context.underlyingError as? UnknownKeyError)?.path == "edits[1].url")
    }

    @Test(
        "an item that is neither one score nor one error is refused",
        arguments: [
            #"{"id":"a","index":0}"#,
            #"{"id":"a","index":0,"score":null}"#,
            #"{"id":"a","index":0,"error":null}"#,
            #"{"id":"a","index":0,"score":0.5}"#,
            #"{"id":"a","index":0,"score":0.5,"error":{"type":"t","message":"m"}}"#,
            #"""
            {"id":"a","index":0,"score":1.5,"raw":1,"probs":{},"argmax":"","entropy":0,"entropy_norm":0,"stddev":0,
             "mass":1,"warnings":[]}
            """#,
        ]
    )
    func halfItems(text: String) {
        #expect(throws: DecodingError.self) {
            try JSONDecoder().decode(EditScoreItem.self, from: Data(text.utf8))
        }
    }

    @Test("a group without a score has no mean")
    func emptyGroup() throws {
        let failure = ScoreOutcome.failure(ScoreFailure(type: "t", message: "m"))
        let summary = GroupSummary([EditScoreItem(id: "a", index: 0, outcome: failure)])
        #expect(summary.count == 1 && summary.scored == 0)
        #expect(summary.mean == nil && summary.standardDeviation == nil && summary.rank == [])
    }

    @Test("equal scores keep the order of the request")
    func rank() {
        func item(_ id: String, _ score: Double) -> EditScoreItem {
            EditScoreItem(
                id: id,
                index: 0,
                outcome: .score(
                    EditScore(
                        score: score,
                        raw: score,
                        probabilities: [:],
                        argmax: "",
                        entropy: 0,
                        normalizedEntropy: 0,
                        standardDeviation: 0,
                        mass: 1
                    )
                )
            )
        }
        let summary = GroupSummary([item("a", 0.25), item("b", 0.5), item("c", 0.25), item("d", 0.75)])
        #expect(summary.rank == ["d", "b", "a", "c"])
        #expect(summary.mean == 0.4375)
        #expect(abs((summary.standardDeviation ?? 0) - 0.20728904939721249) < 1e-15)
    }

    @Test("an order names each part once")
    func orders() {
        #expect(RubricOrder("source,edited,text") == .published)
        #expect(RubricOrder("source, text, edited") == .textBeforeEdited)
        for text in ["", "source", "source,edited", "source,edited,text,text", "source,source,text", "a,b,c"]
        {
            #expect(RubricOrder(text) == nil)
        }
    }
}
