// SPDX-License-Identifier: GPL-3.0-or-later
internal import Documents

/// Documents that travel beside a command's body, under the name of the field they stand for.
struct DocumentSequence: Sendable {
  /// The field they stand for ("documents", "updates", "deletes").
  let name: String
  /// The documents.
  let documents: [Document]

  /// Names a sequence.
  init(name: String, documents: [Document]) {
    self.name = name
    self.documents = documents
  }
}

/// One command of a driver.
struct CommandRequest: Sendable {
  /// The command's name: its document's first key.
  let name: String
  /// The database it is for.
  let database: String
  /// The whole document.
  let body: Document
  /// Documents sent beside it.
  let sequences: [DocumentSequence]
  /// Whether it came as an OP_QUERY, in which only the handshake is answered.
  let isLegacy: Bool
  /// Who sends it: whose its session is. Empty while nobody has to log in.
  var user = ""

  init(body: Document, database: String? = nil, sequences: [DocumentSequence] = [], isLegacy: Bool = false)
    throws(CommandError)
  {
    guard let name = body.first(where: { _ in true })?.key else {
      throw CommandError(.commandNotFound, "the command document is empty")
    }
    guard let database = database ?? body["$db"].flatMap({ if case .string(let text) = $0 { text } else { nil } })
    else {
      throw CommandError(.missingField, "OP_MSG requests require a $db argument of type string")
    }
    do throws(NamespaceError) {
      try Namespace.check(database: database)
    } catch {
      throw CommandError(.invalidNamespace, error.description)
    }
    self.name = name
    self.database = database
    self.body = body
    self.sequences = sequences
    self.isLegacy = isLegacy
  }
}

extension CommandRequest {
  /// What a driver that takes a stream of replies waits for after this one: the next change, if this was an awaited
  /// `hello`.
  func following(_ reply: Document) -> CommandRequest? {
    guard body.contains("topologyVersion"), body.contains("maxAwaitTimeMS"), let version = reply["topologyVersion"]
    else { return nil }
    let next = body.map { element -> (String, BSONValue) in
      switch element.key {
      case "topologyVersion": return (element.key, version)
      case "maxAwaitTimeMS":
        // Nobody asks for the next reply: without a pause a stream would never rest.
        let wait = max(element.value.wholeNumber ?? 0, CommandInterpreter.shortestStreamAwait)
        return (element.key, .int64(Int64(wait)))
      default: return (element.key, element.value)
      }
    }
    return try? CommandRequest(body: Document(next), database: database)
  }
}
