// SPDX-License-Identifier: GPL-3.0-or-later
internal import Documents

extension Command {
  /// The commands that may be sent again under their number.
  private static let retryableCommands: Set<String> = ["insert", "update", "delete", "findAndModify", "findandmodify"]

  /// Throws if the command carries a transaction number and is none that can.
  func checkTransaction() throws(CommandError) {
    guard generic.transactionNumber != nil, !Command.retryableCommands.contains(request.name) else { return }
    throw CommandError(
      .notRetryable,
      "txnNumber may only be provided for retryable write commands; \(request.name) is not a retryable write command")
  }

  /// Takes the collection's name for a write; what the server keeps itself is refused.
  mutating func writableNamespace() throws -> Namespace {
    let namespace = try namespace()
    guard Namespace.isComposed(database) else {
      throw CommandError(
        .invalidNamespace,
        "database name '\(database)' is not in Unicode's composed form (NFC); such a database can be read and dropped")
    }
    if namespace == .sessions {
      throw CommandError(.illegalOperation, "\(request.name): \(namespace) is written by the server only")
    }
    return namespace
  }

  /// Takes the fields of a retryable write; nil if the command is none.
  mutating func retryable(statements count: Int) throws -> RetryableWrite? {
    let first = try arguments.integer("stmtId")
    let given = arguments.value("stmtIds")
    guard let session = generic.session, let number = generic.transactionNumber else {
      if first != nil || given != nil {
        throw CommandError(.invalidOptions, "\(request.name): stmtId and stmtIds need lsid and txnNumber")
      }
      return nil
    }
    var write = RetryableWrite(session: session, number: number)
    if let given {
      guard first == nil, let elements = given.elements, elements.count == count else {
        throw CommandError(.invalidOptions, "\(request.name): stmtIds has to hold one number for each statement")
      }
      let numbers = elements.compactMap { $0.wholeNumber.flatMap { Int32(exactly: $0) } }
      guard numbers.count == count, numbers.allSatisfy({ $0 >= 0 }), Set(numbers).count == count else {
        throw CommandError(.invalidOptions, "\(request.name): stmtIds have to be different whole numbers of 32 bits")
      }
      write.statements = numbers
    } else if let first {
      guard let start = Int32(exactly: first), start >= 0, Int(start) + count <= Int(Int32.max) else {
        throw CommandError(.invalidOptions, "\(request.name): stmtId has to be a whole number of 32 bits, not negative")
      }
      write.firstStatement = start
    }
    return write
  }
}

extension WriteStatement {
  /// A statement that touches any number of documents can't be sent again: refused, as MongoDB does.
  var refusedIfMulti: WriteStatement {
    switch self {
    case .update(_, _, multi: true, _):
      .refused(CommandError(.invalidOptions, "Cannot use (or request) retryable writes with multi=true"))
    case .delete(_, multi: true):
      .refused(CommandError(.invalidOptions, "Cannot use (or request) retryable writes with limit=0"))
    default: self
    }
  }
}
