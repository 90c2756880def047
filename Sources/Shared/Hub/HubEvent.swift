/// What a download tells the user while it runs.
package enum HubEvent: Sendable, Equatable {
    /// Which commit the revision is.
    case resolved(commit: String)
    /// Pickle files that are not fetched.
    case leftOut(pickles: [String])
    /// What is to be done: files and bytes to fetch, and files that are there already.
    case planned(files: Int, bytes: Int, present: Int)
    /// A file's turn has come; `resumed` bytes of it are there.
    case started(path: String, size: Int, resumed: Int)
    /// Somebody else fetches the same file.
    case waiting(path: String)
    /// Bytes there of all that was planned.
    case progress(bytes: Int)
    /// A try failed and another follows.
    case retrying(reason: String)
    /// What an earlier run left was damaged: the file is fetched anew.
    case restarted(path: String)
    /// A file is in place, its checksum verified.
    case finished(path: String)
}
