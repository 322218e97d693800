// SPDX-License-Identifier: GPL-3.0-or-later
internal import Documents

extension CommandInterpreter {
  func configureFailPoint(_ command: Command) throws -> Document {
    guard let failPoints else { throw CommandError(.commandNotFound, "no such command: 'configureFailPoint'") }
    try command.requireAdmin()
    try failPoints.configure(command.arguments)
    return Document()
  }

  /// Runs a command that a fail point may strike.
  func outcome(of request: CommandRequest, connectionID: Int32) async -> Outcome {
    guard let fault = failPoints?.strike(request) else {
      return await plainOutcome(of: request, connectionID: connectionID)
    }
    if let delay = fault.delay { try? await Task.sleep(for: delay) }
    var outcome: Outcome
    if let error = fault.error {
      outcome = refusal(error, of: request)
    } else if fault.closesConnection, !fault.runsBefore {
      outcome = refusal(CommandError(.internalError, "a fail point closes the connection"), of: request)
    } else {
      outcome = await plainOutcome(of: request, connectionID: connectionID)
      // A write that was carried out before commits nothing now.
      if fault.runsBefore, outcome.reply.contains("retriedStmtIds") || outcome.reply.contains("retriedStmtId") {
        failPoints?.giveBack(fault)
        return outcome
      }
    }
    outcome.closesConnection = fault.closesConnection
    if let error = fault.writeConcernError { outcome.add(error, request) }
    if let labels = fault.labels { outcome.replaceLabels(labels) }
    return outcome
  }
}

extension CommandInterpreter.Outcome {
  fileprivate mutating func add(_ error: Document, _ request: CommandRequest) {
    var builder = DocumentBuilder()
    builder.append(contentsOf: reply)
    builder.append("writeConcernError", .document(error))
    if request.body.contains("txnNumber"), let code = error["code"]?.wholeNumber,
      CommandError.retryableCodes.contains(Int32(clamping: code))
    {
      builder.append("errorLabels", [.string(CommandError.retryableWrite)])
    }
    reply = builder.finish()
  }

  fileprivate mutating func replaceLabels(_ labels: [BSONValue]) {
    var builder = DocumentBuilder()
    for element in reply where element.key != "errorLabels" { builder.append(element.key, element.value) }
    if !labels.isEmpty { builder.append("errorLabels", .array(of: labels)) }
    reply = builder.finish()
  }
}
