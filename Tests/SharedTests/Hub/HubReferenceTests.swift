import Shared
import Testing

@Suite struct HubReferenceTests {
    @Test(
        "org/name and org/name@revision are read and written alike",
        arguments: [
            ("Qwen/Qwen2.5-VL-3B-Instruct", "Qwen/Qwen2.5-VL-3B-Instruct", nil),
            ("a/b@main", "a/b", "main"), ("a/b@v1.0", "a/b", "v1.0"), ("a/b@refs/pr/3", "a/b", "refs/pr/3"),
            ("a_1/b.c-d@0a1b2c3", "a_1/b.c-d", "0a1b2c3"),
        ] as [(String, String, String?)]
    )
    func sound(_ text: String, _ repository: String, _ revision: String?) throws {
        let reference = try HubReference(text)
        #expect(reference.repository == repository)
        #expect(reference.revision == revision)
        #expect(reference.description == text)
        #expect(reference.pullCommand == "reward-server pull \(text)")
        #expect(reference.effectiveRevision == revision ?? "main")
    }

    @Test(
        "names that could leave a folder, or that no hub has, are refused",
        arguments: [
            "", "name", "a/b/c", "/b", "a/", "../b", "a/..", "a/.b", ".a/b", "a/b.", "-a/b", "a--b/c",
            "a/b--c", "a/b.git",
            "a/b c", "a/b\u{0}", "a/b;rm", "ä/b", "a/b@", "a/b@..", "a/b@../main", "a/b@/main", "a/b@main/",
            "a/b@x//y",
            "a/b@.x", "a/b@-x", "a/b@x.lock", "a/b@x y", "a/b@$(x)", "a/b@x\u{0}", "a/b@x@y", "~/models",
            "/abs/folder",
            "a/" + String(repeating: "b", count: 95), "a/b@" + String(repeating: "c", count: 201),
        ]
    )
    func refused(_ text: String) {
        let error = #expect(throws: HubError.self) { try HubReference(text) }
        #expect(error?.description.contains("is no model of a hub") == true)
        #expect(error?.description.contains { $0.isNewline || $0 == "\u{0}" } == false)
    }
}
