// SPDX-License-Identifier: GPL-3.0-or-later
internal import Documents

/// A `findAndModify` as it was asked for: one document at most is changed, and it or what it was comes back.
struct FindAndModify: Sendable {
  enum Action: Sendable {
    case remove
    case update(UpdateOperation, upsert: Bool)
  }

  let namespace: Namespace
  let plan: QueryPlan
  let sort: SortOrder?
  let action: Action
  let returnsNew: Bool
  let projection: Projection?
  let retryable: RetryableWrite?

  init(_ command: Command) throws {
    var command = command
    namespace = try command.writableNamespace()
    retryable = try command.retryable(statements: 1)
    var arguments = command.arguments
    plan = QueryPlan(try Filter(try arguments.document("query") ?? Document()))
    let sort = try SortOrder(try arguments.document("sort") ?? Document())
    self.sort = sort.isStorageOrder ? nil : sort
    projection = try Projection(try arguments.document("fields") ?? Document())
    returnsNew = try arguments.bool("new") ?? false
    let removes = try arguments.bool("remove") ?? false
    let upserts = try arguments.bool("upsert") ?? false
    let update = arguments.value("update")
    try arguments.requireOnlyIndex("hint")
    arguments.ignore("bypassDocumentValidation")
    try arguments.finish()
    switch (removes, update) {
    case (true, nil) where !returnsNew && !upserts: action = .remove
    case (false, let update?): action = .update(try UpdateOperation(update), upsert: upserts)
    case (false, nil): throw CommandError(.failedToParse, "Either an update or remove=true must be specified")
    default: throw CommandError(.failedToParse, "Cannot specify an update, new or upsert together with remove=true")
    }
  }
}

extension CommandInterpreter {
  func findAndModify(_ command: Command) async throws -> Document {
    let request = try FindAndModify(command)
    try requireWritable()
    let deadline = command.generic.deadline
    let run = FindAndModifyRun(request: request, identifiers: identifiers, clock: clock)
    var progress = FindAndModifyRun.Progress()
    while true {
      if let deadline, ContinuousClock.now >= deadline {
        throw CommandError(.maxTimeExpired, "operation exceeded time limit; nothing was written")
      }
      if request.sort != nil {
        progress.candidate = try await engine.read { try run.best($0, deadline: deadline) }
        progress.hasLooked = true
      }
      let start = progress
      let answer: (result: FindAndModifyRun.Progress, acknowledgement: Acknowledgement)
      do {
        answer = try await write(command.generic.writeConcern) { try run.step($0, from: start) }
      } catch {
        throw CommandError(any: error, writing: true)
      }
      progress = answer.result
      guard let reply = progress.reply else { continue }
      var builder = DocumentBuilder()
      builder.append(contentsOf: reply)
      if let statement = progress.retried { builder.append("retriedStmtId", .int32(statement)) }
      appendWriteConcernError(command.generic, answer.acknowledgement, to: &builder)
      return builder.finish()
    }
  }
}
