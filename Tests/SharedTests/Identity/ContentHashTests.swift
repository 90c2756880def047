import Shared
import Testing

@Suite("ContentHash")
struct ContentHashTests {
    @Test("digests equal the published SHA-256 vectors")
    func vectors() {
        #expect(
            ContentHash("abc").description
                == "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        )
        #expect(
            ContentHash([UInt8]()).hexadecimal
                == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        )
    }
}
