import Foundation
import Shared
import TestSupport
import Testing

@Suite struct HubEnvironmentTests {
    @Test(
        "the cache's folder follows the variables in huggingface_hub's order",
        arguments: [
            (["HOME": "/h"], "/h/.cache/huggingface/hub"),
            (["HOME": "/h", "XDG_CACHE_HOME": "/x"], "/x/huggingface/hub"),
            (["HOME": "/h", "XDG_CACHE_HOME": "/x", "HF_HOME": "/f"], "/f/hub"),
            (["HOME": "/h", "HF_HOME": "/f", "HUGGINGFACE_HUB_CACHE": "/old"], "/old"),
            (["HF_HOME": "/f", "HUGGINGFACE_HUB_CACHE": "/old", "HF_HUB_CACHE": "/new"], "/new"),
            (["HOME": "/h", "HF_HOME": "~/f"], "/h/f/hub"),
            (["HOME": "/h", "DISK": "/d", "HF_HUB_CACHE": "$DISK/${NAME}/c"], "/d/${NAME}/c"),
            (["HOME": "/h", "HF_HUB_CACHE": "", "HF_HOME": ""], "/h/.cache/huggingface/hub"),
        ] as [([String: String], String)]
    )
    func cacheFolder(_ variables: [String: String], _ folder: String) {
        #expect(HubEnvironment(variables).cacheFolder == folder)
    }

    @Test("the endpoint is huggingface.co unless HF_ENDPOINT says otherwise")
    func endpoint() throws {
        #expect(try HubEnvironment([:]).endpoint() == "https://huggingface.co")
        #expect(
            try HubEnvironment(["HF_ENDPOINT": "http://mirror:8080/hf//"]).endpoint()
                == "http://mirror:8080/hf"
        )
        for text in [
            "mirror", "ftp://mirror", "https://", "https://u:p@mirror", "http://a b", "http://m?x=1",
            "file:///x",
        ] {
            #expect(throws: HubError.self) { try HubEnvironment(["HF_ENDPOINT": text]).endpoint() }
        }
    }

    @Test("the token comes from HF_TOKEN, then from the file of the login")
    func token() throws {
        let folder = try TemporaryFolder()
        #expect(try HubEnvironment(["HF_HOME": folder.path]).token() == nil)
        try Data("hf_file\n".utf8).write(to: folder.url.appending(path: "token"))
        try Data("hf_other\n".utf8).write(to: folder.url.appending(path: "elsewhere"))
        let home = ["HF_HOME": folder.path]
        #expect(try HubEnvironment(home).token() == "hf_file")
        #expect(
            try HubEnvironment(home.merging(["HF_TOKEN_PATH": folder.file("elsewhere")]) { $1 }).token()
                == "hf_other"
        )
        #expect(try HubEnvironment(home.merging(["HF_TOKEN": " hf_own\n"]) { $1 }).token() == "hf_own")
        #expect(throws: HubError.invalidToken(source: "HF_TOKEN")) {
            try HubEnvironment(["HF_TOKEN": "hf_x\r\nX-Evil: 1"]).token()
        }
    }

    @Test("HF_HUB_OFFLINE forbids the network")
    func offline() {
        #expect(HubEnvironment(["HF_HUB_OFFLINE": "1"]).isOffline)
        #expect(HubEnvironment(["TRANSFORMERS_OFFLINE": "true"]).isOffline)
        #expect(!HubEnvironment(["HF_HUB_OFFLINE": "0"]).isOffline)
        #expect(!HubEnvironment([:]).isOffline)
    }
}
