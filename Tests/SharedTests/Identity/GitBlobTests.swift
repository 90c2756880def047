import Shared
import Testing

@Suite struct GitBlobTests {
    /// What `printf … | git hash-object --stdin` prints.
    @Test(
        "names are those of git",
        arguments: [
            ("", "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"),
            ("hello\n", "ce013625030ba8dba906f756967f9e9ca394464a"),
            ("{}", "9e26dfeeb6e641a33dae4961196235bdb965b21b"),
        ]
    )
    func names(_ text: String, _ name: String) {
        #expect(GitBlob.name(of: Array(text.utf8)) == name)
    }
}
