import Foundation
import Shared
import TestSupport
import Testing

@testable import RewardServer

/// The program as a process: what scripts see of it.
@Suite struct LifecycleTests {
    private struct Ready: Decodable {
        let url: String
        let pid: Int32
    }

    private struct NotReady: Error {}

    private func start(_ readyFile: String, _ arguments: [String] = []) throws -> Process {
        let process = Process()
        process.executableURL = try Shell.program()
        process.arguments =
            ["serve", "--port", "0", "--model", Fixtures.judge, "--ready-file", readyFile] + arguments
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        return process
    }

    private func ready(_ path: String, _ process: Process) async throws -> Ready {
        for _ in 0..<600 {
            if let data = try? Data(contentsOf: URL(filePath: path)) {
                return try JSONDecoder().decode(Ready.self, from: data)
            }
            guard process.isRunning else { break }
            try await Task.sleep(for: .milliseconds(50))
        }
        throw NotReady()
    }

    private func end(of process: Process) async throws -> Int32 {
        for _ in 0..<600 where process.isRunning {
            try await Task.sleep(for: .milliseconds(50))
        }
        if process.isRunning { process.terminate() }
        process.waitUntilExit()
        return process.terminationStatus
    }

    @Test("SIGTERM ends an idle server with 0; scores over the wire equal scores in the shell")
    func shellAndServer() async throws {
        let folder = try TemporaryFolder()
        let process = try start(folder.file("ready.json"))
        let ready = try await ready(folder.file("ready.json"), process)
        #expect(ready.pid == process.processIdentifier)
        let common =
            ["score", "--source", "source.png", "--instruction", "make it green", "--json"] + Fixtures.edits
            + ["absent.png"]
        let remote = try await Shell.run(common + ["--url", ready.url], in: Fixtures.folder.path)
        let local = try await Shell.run(common + ["--model", Fixtures.judge], in: Fixtures.folder.path)
        #expect(local.status == 2 && remote.status == 2, "\(local.errors) \(remote.errors)")
        #expect(local.outputLines.count == 4)
        #expect(remote.output == local.output)
        process.terminate()
        #expect(try await end(of: process) == 0)
    }

    /// A request that is in flight for as long as the test holds the end of its body back.
    private func hold(_ body: String, port: Int) throws -> RawConnection {
        let connection = try RawConnection(port: port)
        connection.send(
            "POST /v1/edit-scores HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                + "Content-Length: \(body.utf8.count)\r\n\r\n" + body.dropLast(1)
        )
        return connection
    }

    private func status(_ path: String, port: Int) async throws -> Int {
        let connection = try RawConnection(port: port)
        connection.send("GET \(path) HTTP/1.1\r\nHost: x\r\n\r\n")
        return await connection.reply().status
    }

    @Test("after SIGTERM new work is refused, work in flight is finished, and the server ends with 0")
    func drain() async throws {
        let folder = try TemporaryFolder()
        let process = try start(folder.file("ready.json"))
        let ready = try await ready(folder.file("ready.json"), process)
        let port = try #require(URL(string: ready.url)?.port)
        let body = String(decoding: try JSONEncoder().encode(try Fixtures.group()), as: UTF8.self)
        let held = try hold(body, port: port)
        try await Task.sleep(for: .milliseconds(300))
        process.terminate()
        try await Task.sleep(for: .milliseconds(300))
        #expect(try await status("/readyz", port: port) == 503)
        #expect(try await status("/healthz", port: port) == 200)
        let late = try hold(body, port: port)
        late.send(String(body.suffix(1)))
        let refusal = await late.reply()
        #expect(refusal.status == 503)
        #expect(refusal.text.lowercased().contains("retry-after: 5"))
        held.send(String(body.suffix(1)))
        let reply = await held.reply()
        #expect(reply.status == 200 && reply.text.contains("\"edit_scores\""))
        #expect(try await end(of: process) == 0)
    }

    @Test("a second signal ends the server at once")
    func secondSignal() async throws {
        let folder = try TemporaryFolder()
        let process = try start(folder.file("ready.json"))
        let ready = try await ready(folder.file("ready.json"), process)
        let held = try hold("{} ", port: try #require(URL(string: ready.url)?.port))
        try await Task.sleep(for: .milliseconds(300))
        process.terminate()
        try await Task.sleep(for: .milliseconds(300))
        #expect(process.isRunning)
        process.terminate()
        #expect(try await end(of: process) == 143)
        held.send(" ")
    }

    @Test("a folder that is no model ends the server with 1")
    func badModel() async throws {
        let folder = try TemporaryFolder()
        let outcome = try await Shell.run(["serve", "--port", "0", "--model", folder.path])
        #expect(outcome.status == 1)
        #expect(outcome.errorLines.last?.hasPrefix("reward-server: ") == true)
        #expect(outcome.errorLines.last?.contains(folder.path) == true)
    }

    @Test("an address that others can reach needs --insecure")
    func address() async throws {
        let outcome = try await Shell.run(["serve", "--host", "0.0.0.0", "--port", "0"])
        #expect(outcome.status == 1)
        #expect(outcome.errorLines.count == 1)
        #expect(outcome.errors.contains("--insecure"))
    }
}
