// SPDX-License-Identifier: GPL-3.0-or-later
internal import Documents

/// MongoDB's error codes that this server uses (mongo/base/error_codes.yml), with the names drivers show.
struct ErrorCode: Sendable, Equatable {
  let number: Int32
  let name: String

  static let internalError = ErrorCode(number: 1, name: "InternalError")
  static let badValue = ErrorCode(number: 2, name: "BadValue")
  static let failedToParse = ErrorCode(number: 9, name: "FailedToParse")
  static let typeMismatch = ErrorCode(number: 14, name: "TypeMismatch")
  static let illegalOperation = ErrorCode(number: 20, name: "IllegalOperation")
  static let invalidBSON = ErrorCode(number: 22, name: "InvalidBSON")
  static let lockTimeout = ErrorCode(number: 24, name: "LockTimeout")
  static let pathNotViable = ErrorCode(number: 28, name: "PathNotViable")
  static let conflictingUpdateOperators = ErrorCode(number: 40, name: "ConflictingUpdateOperators")
  static let cursorNotFound = ErrorCode(number: 43, name: "CursorNotFound")
  static let namespaceExists = ErrorCode(number: 48, name: "NamespaceExists")
  static let maxTimeExpired = ErrorCode(number: 50, name: "MaxTimeMSExpired")
  static let dollarPrefixedFieldName = ErrorCode(number: 52, name: "DollarPrefixedFieldName")
  static let invalidIDField = ErrorCode(number: 53, name: "InvalidIdField")
  static let emptyFieldName = ErrorCode(number: 56, name: "EmptyFieldName")
  static let commandNotFound = ErrorCode(number: 59, name: "CommandNotFound")
  static let immutableField = ErrorCode(number: 66, name: "ImmutableField")
  static let writeConcernFailed = ErrorCode(number: 64, name: "WriteConcernFailed")
  static let invalidOptions = ErrorCode(number: 72, name: "InvalidOptions")
  static let invalidNamespace = ErrorCode(number: 73, name: "InvalidNamespace")
  static let unknownWriteConcern = ErrorCode(number: 79, name: "UnknownReplWriteConcern")
  static let shutdownInProgress = ErrorCode(number: 91, name: "ShutdownInProgress")
  static let unsatisfiableWriteConcern = ErrorCode(number: 100, name: "UnsatisfiableWriteConcern")
  static let cursorInUse = ErrorCode(number: 143, name: "CursorInUse")
  static let queryPlanKilled = ErrorCode(number: 175, name: "QueryPlanKilled")
  static let primarySteppedDown = ErrorCode(number: 189, name: "PrimarySteppedDown")
  static let transactionTooOld = ErrorCode(number: 225, name: "TransactionTooOld")
  static let tooManySessions = ErrorCode(number: 261, name: "TooManyLogicalSessions")
  static let noTransactions = ErrorCode(number: 263, name: "OperationNotSupportedInTransaction")
  static let clientDisconnect = ErrorCode(number: 279, name: "ClientDisconnect")
  static let memoryLimit = ErrorCode(number: 292, name: "QueryExceededMemoryLimitNoDiskUseAllowed")
  static let apiVersionError = ErrorCode(number: 322, name: "APIVersionError")
  static let apiStrictError = ErrorCode(number: 323, name: "APIStrictError")
  static let unsupportedQueryCommand = ErrorCode(number: 352, name: "UnsupportedOpQueryCommand")
  static let notWritablePrimary = ErrorCode(number: 10107, name: "NotWritablePrimary")
  static let documentTooLarge = ErrorCode(number: 10334, name: "BSONObjectTooLarge")
  static let duplicateKey = ErrorCode(number: 11000, name: "DuplicateKey")
  static let interruptedAtShutdown = ErrorCode(number: 11600, name: "InterruptedAtShutdown")
  static let notPrimaryNoSecondaryOk = ErrorCode(number: 13435, name: "NotPrimaryNoSecondaryOk")
  static let notPrimaryOrSecondary = ErrorCode(number: 13436, name: "NotPrimaryOrSecondary")
  static let projectionCollision = ErrorCode(number: 31249, name: "Location31249")
  static let projectionMixed = ErrorCode(number: 31254, name: "Location31254")
  static let incompleteAwait = ErrorCode(number: 31368, name: "Location31368")
  static let staleTopology = ErrorCode(number: 31382, name: "Location31382")
  static let unknownStage = ErrorCode(number: 40324, name: "Location40324")
  static let duplicateField = ErrorCode(number: 40413, name: "Location40413")
  static let missingField = ErrorCode(number: 40414, name: "Location40414")
  static let unknownField = ErrorCode(number: 40415, name: "Location40415")
  static let notRetryable = ErrorCode(number: 50768, name: "NotARetryableWriteCommand")
}

/// Why a command, or one statement of it, was refused; what the driver gets to see.
struct CommandError: Error, Sendable {
  let code: ErrorCode
  let message: String
  /// Labels by which drivers decide what to do next.
  var labels: [String] = []
  /// Whether this attempt of the command has written nothing.
  var wroteNothing = false
  /// For a duplicate key: the value that is there already.
  var duplicate: BSONValue?

  /// The longest message, in bytes; of a longer one both ends are kept. It leaves room for our own words and the
  /// longest namespace.
  static let maximumMessageBytes = 512

  /// Names what is wrong; what is echoed of the driver's words is clipped here, whoever made the sentence.
  init(_ code: ErrorCode, _ message: String) {
    self.code = code
    self.message = message.clipped(to: CommandError.maximumMessageBytes)
  }

  init(_ error: DocumentError) {
    let code: ErrorCode =
      switch error.code {
      case .malformed, .invalidText, .tooDeep: .invalidBSON
      case .tooLarge: .documentTooLarge
      case .invalidIdentifier: .invalidIDField
      }
    self.init(code, error.description)
  }

  /// Translates what engine or body threw; `writing` means that nothing of this command was written yet.
  init(any error: any Error, writing: Bool) {
    switch error {
    case let error as CommandError: self = error
    case let error as EngineError: self.init(error, writing: writing)
    case let error as DocumentError: self.init(error)
    case let error as NamespaceError: self.init(.invalidNamespace, error.description)
    case is CancellationError: self.init(.interruptedAtShutdown, "the server is shutting down; the outcome is unknown")
    default: self.init(.internalError, "the command failed inside the server (\(type(of: error)))")
    }
  }

  private init(_ error: EngineError, writing: Bool) {
    switch error.code {
    case .notPrimary: self.init(.notWritablePrimary, "not primary: \(error.description)")
    // Whether the write stands is not known; only a retryable write may be sent again.
    case .outcomeUnknown: self.init(.primarySteppedDown, error.description)
    case .unavailable: self.init(unavailable: error.description)
    case .overloaded: self.init(.lockTimeout, error.description)
    case .storage: self.init(.internalError, error.description)
    }
    wroteNothing = writing && error.code != .outcomeUnknown
  }

  /// The node can't serve now. 13436 makes drivers look for another member and ask again later, without emptying their
  /// connection pools as 91 and 11600 do, and at most one retry follows.
  init(unavailable reason: String) {
    self.init(.notPrimaryOrSecondary, "this node is neither primary nor secondary: \(reason)")
  }

  /// A message brings more documents than any command takes.
  static var tooManyDocuments: CommandError {
    CommandError(.badValue, "a command may bring at most \(CommandInterpreter.maximumWriteBatch) documents")
  }

  /// There is a document with this one's `_id` already.
  static func duplicateID(of document: Document, in namespace: Namespace) -> CommandError {
    var error = CommandError(
      .duplicateKey, "E11000 duplicate key error collection: \(namespace) index: _id_")
    error.duplicate = document["_id"]
    return error
  }

  /// The reply that carries this error.
  var reply: Document {
    var builder = DocumentBuilder()
    if !labels.isEmpty { builder.append("errorLabels", .array(of: labels.map { .string($0) })) }
    builder.append("ok", .double(0))
    builder.append("errmsg", .string(message))
    builder.append("code", .int32(code.number))
    builder.append("codeName", .string(code.name))
    appendDuplicate(to: &builder)
    return builder.finish()
  }

  private func appendDuplicate(to builder: inout DocumentBuilder) {
    guard let duplicate else { return }
    builder.append("keyPattern", ["_id": 1])
    builder.append("keyValue", .document(["_id": duplicate]))
  }

  /// About how many bytes of a reply are words and values.
  var shownBytes: Int {
    var builder = DocumentBuilder()
    appendDuplicate(to: &builder)
    return message.utf8.count + builder.size
  }

  /// The error as its code alone.
  var withoutWords: CommandError { CommandError(code, "") }

  /// The entry of `writeErrors` that carries this error for one statement.
  func writeError(at index: Int) -> BSONValue {
    var builder = DocumentBuilder()
    builder.append("index", .integer(index))
    builder.append("code", .int32(code.number))
    appendDuplicate(to: &builder)
    builder.append("errmsg", .string(message))
    return .document(builder.finish())
  }
}
