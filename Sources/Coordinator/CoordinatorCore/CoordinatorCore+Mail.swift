// SPDX-License-Identifier: GPL-3.0-or-later
public import ClusterModel

/// Mail to owners: one when a project's key is taken away, listing all clusters that are disabled by it, one when it is
/// back. What is to be sent is persisted with the decision; what was sent is persisted with the server's answer. So a
/// crash between the two repeats a mail under its Message-ID, and none is lost.
extension CoordinatorCore {
  /// Uses this server from now on; mails that wait are tried at once. Throws `CoordinatorError` if it can't be one.
  ///
  /// The shell stores the sealed password under the answered version, in the same transaction.
  public mutating func setMailServer(_ server: MailServer, now: Instant) throws(CoordinatorError) -> Decision<UInt64> {
    try Self.check(server)
    let version = nextMailVersion
    mailServer = MailServerRecord(server: server, version: version)
    dirty.insert(RecordKey(kind: .mailServer, id: StateRecord.mailServerID))
    for var mail in mailRecords.values.sorted(by: { $0.id < $1.id }) where !mail.isDone {
      for index in mail.recipients.indices where !mail.recipients[index].isDone { mail.recipients[index].dueAt = now }
      put(mail)
    }
    attendMail(now: now)
    return Decision(version, flush())
  }

  /// The version that the next mail server's settings get.
  public var nextMailVersion: UInt64 { (mailServer?.version ?? 0) &+ 1 }

  /// The server for a mail to this address; throws `CoordinatorError` if there is none or the address is none.
  public func mailTarget(for address: String) throws(CoordinatorError) -> MailServerRecord {
    guard Self.isMailAddress(address) else {
      throw CoordinatorError(.invalid, "The mail address is not one.", next: "Write it like name@example.org")
    }
    guard let mailServer else {
      throw CoordinatorError(
        .refused, "No mail was sent.", why: "No mail server is set.",
        next: "Set it with: keyfold mail set --server HOST:PORT --from ADDRESS …")
    }
    return mailServer
  }

  /// A mail was handed to the server for one recipient, or was not, for the reason given.
  public mutating func onMail(_ id: String, to address: String, failure: String?, now: Instant)
    -> [CoordinatorDirective]
  {
    mailsUnderWay.remove(MailKey(id: id, address: address))
    guard var mail = mailRecords[id], let index = mail.recipients.firstIndex(where: { $0.address == address }),
      !mail.recipients[index].isDone
    else { return flush() }
    mail.recipients[index].attempts += 1
    mail.recipients[index].trouble = failure.map { Self.bounded($0) }
    if failure == nil {
      mail.recipients[index].sentAt = now
    } else {
      mail.recipients[index].dueAt = now + Self.mailDelay(after: mail.recipients[index].attempts)
    }
    put(mail)
    watchMail(of: mail.project, isThrough: failure == nil, now: now)
    attendMail(now: now)
    return flush()
  }

  // MARK: What is written

  /// The clusters of a project were locked out: its owners are told, once in an episode.
  mutating func beginEpisode(_ name: ProjectName, clusters: [ClusterName], reason: String, next: String, now: Instant) {
    guard var project = projectRecords[name], !clusters.isEmpty else { return }
    if project.episode != nil { return extendEpisode(name, clusters: clusters, now: now) }
    let episode = KeyEpisode(id: identifiers.uuid(), since: now, clusters: clusters)
    project.episode = episode
    put(project)
    let list = clusters.map { "  \($0)" }.joined(separator: "\n")
    write(
      "\(episode.id).revoked", to: project,
      subject: "The KMS key of project \(name) is revoked: \(Self.counted(clusters)) disabled",
      text: """
        The key of project \(name) was taken away, and every node of these clusters closes its data:

        \(list)

        Key     \(project.kms?.keyID ?? "")
        Since   \(Self.moment(now))
        Why     \(Self.plain(reason))

        Nothing is lost and no process was ended. What brings the clusters back:

          \(next)

        They open by themselves once the key is valid again; it is checked every minute. Changes that are ordered
        meanwhile are queued. You get another mail when the clusters are back.
        """, answers: nil, now: now)
  }

  /// Clusters were locked out while others were: the owners are told of those alone, and of all when the key is back.
  private mutating func extendEpisode(_ name: ProjectName, clusters: [ClusterName], now: Instant) {
    guard var project = projectRecords[name], var episode = project.episode else { return }
    let others = clusters.filter { !episode.clusters.contains($0) }
    guard !others.isEmpty else { return }
    episode.clusters = (episode.clusters + others).sorted()
    project.episode = episode
    put(project)
    write(
      "\(episode.id).more-\(episode.clusters.count)", to: project,
      subject: "The KMS key of project \(name) is revoked: \(Self.counted(others)) more disabled",
      text: """
        The key of project \(name) is still away, and every node of these clusters closes its data too:

        \(others.map { "  \($0)" }.joined(separator: "\n"))

        Key     \(project.kms?.keyID ?? "")
        Since   \(Self.moment(now))
        """, answers: "\(episode.id).revoked", now: now)
  }

  /// The last cluster of a project was let in again: its owners are told.
  mutating func endEpisode(_ name: ProjectName, now: Instant) {
    guard var project = projectRecords[name], let episode = project.episode,
      clusters(of: name).allSatisfy({ $0.lockout == nil })
    else { return }
    project.episode = nil
    put(project)
    let list = episode.clusters.map { "  \($0)" }.joined(separator: "\n")
    write(
      "\(episode.id).returned", to: project,
      subject: "The KMS key of project \(name) is back: \(Self.counted(episode.clusters)) open again",
      text: """
        The key of project \(name) is valid again. The nodes of these clusters open their data now, by themselves, and
        apply what was ordered meanwhile:

        \(list)

        Key     \(project.kms?.keyID ?? "")
        Away    from \(Self.moment(episode.since)) to \(Self.moment(now))
        """, answers: "\(episode.id).revoked", now: now)
  }

  mutating func write(
    _ id: String, to project: ProjectRecord, subject: String, text: String, answers: String?, now: Instant
  ) {
    guard !project.owners.isEmpty else { return }
    giveUpOldest(of: project.name, now: now)
    put(
      MailRecord(
        id: id, project: project.name, subject: subject, text: text, answers: answers, createdAt: now,
        recipients: project.owners.map {
          MailRecord.Recipient(address: $0, attempts: 0, dueAt: now, isGivenUp: false)
        }))
    attendMail(now: now)
  }

  // MARK: What is sent

  /// Makes room for one more mail of a project: without a server none is ever through.
  private mutating func giveUpOldest(of project: ProjectName, now: Instant) {
    let open = mailRecords.values.filter { $0.project == project && !$0.isDone }
      .sorted { ($0.createdAt, $0.id) < ($1.createdAt, $1.id) }
    guard open.count >= CoordinatorLimits.openMails else { return }
    for var mail in open.prefix(open.count - CoordinatorLimits.openMails + 1) {
      for index in mail.recipients.indices where !mail.recipients[index].isDone {
        mail.recipients[index].trouble = mail.recipients[index].trouble ?? "too many mails wait"
        mail.recipients[index].isGivenUp = true
        noteGivenUp(mail.recipients[index], of: mail, now: now)
      }
      put(mail)
    }
  }

  /// Hands out what is due, a few at a time, and gives up what nobody took for days although it was tried. Days alone
  /// say little: the coordinator may have been off, without a server, or its clock may have been set ahead.
  mutating func attendMail(now: Instant) {
    let open = mailRecords.values.filter { !$0.isDone }
    for var mail in open.sorted(by: { ($0.createdAt, $0.id) < ($1.createdAt, $1.id) }) {
      for index in mail.recipients.indices where !mail.recipients[index].isDone {
        let recipient = mail.recipients[index]
        if recipient.attempts >= CoordinatorLimits.mailAlertAttempts,
          now - mail.createdAt > CoordinatorLimits.mailPatience
        {
          mail.recipients[index].isGivenUp = true
          noteGivenUp(recipient, of: mail, now: now)
          continue
        }
        let key = MailKey(id: mail.id, address: recipient.address)
        // A moment far ahead was planned before the clock was set back.
        let isDue = now >= recipient.dueAt || recipient.dueAt - now > CoordinatorLimits.longestMailRetry
        guard let server = mailServer, isDue, !mailsUnderWay.contains(key),
          mailsUnderWay.count < CoordinatorLimits.mailsAtOnce, !isHeldBack(mail, from: recipient.address)
        else { continue }
        mailsUnderWay.insert(key)
        sends.append(.sendMail(mail, to: recipient.address, server: server))
      }
      put(mail)
      if mailServer == nil { watchMail(of: mail.project, now: now) }
    }
  }

  /// Whether a recipient has not had a mail yet that this one follows: "it is back" makes no sense before "it is gone".
  private func isHeldBack(_ mail: MailRecord, from address: String) -> Bool {
    guard let first = mail.answers else { return false }
    return mailRecords.values.contains { other in
      let isBefore =
        other.id == first || other.answers == first && (other.createdAt, other.id) < (mail.createdAt, mail.id)
      return isBefore && other.recipients.contains { $0.address == address && !$0.isDone }
    }
  }

  /// A mail that was refused again and again, or that has no server to go to, is worth an alert until a mail is
  /// through and none is stuck.
  private mutating func watchMail(of project: ProjectName, isThrough: Bool = false, now: Instant) {
    let mails = mailRecords.values.filter { $0.project == project }.sorted { $0.id < $1.id }
    let waiting = mails.flatMap(\.recipients).filter { !$0.isDone }
    if let stuck = waiting.first(where: { $0.attempts >= CoordinatorLimits.mailAlertAttempts }) {
      openAlert(
        .mailNotSent, subject: project.text,
        text: "Mail of project \(project) to \(stuck.address) was not sent: \(stuck.trouble ?? "")",
        next: "Try the server with: keyfold mail test --to \(stuck.address)", now: now)
    } else if mailServer == nil, !waiting.isEmpty {
      openAlert(
        .mailNotSent, subject: project.text,
        text: "Mail of project \(project) waits: no mail server is set.",
        next: "Set it with: keyfold mail set --server HOST:PORT --from ADDRESS …", now: now)
    } else if isThrough {
      closeAlert(.mailNotSent, subject: project.text, now: now)
    }
  }

  /// An owner never got a mail; that stays to be seen until a mail of the project is through.
  private mutating func noteGivenUp(_ recipient: MailRecord.Recipient, of mail: MailRecord, now: Instant) {
    openAlert(
      .mailNotSent, subject: mail.project.text,
      text: "Mail of project \(mail.project) to \(recipient.address) was given up after \(recipient.attempts) "
        + "attempts: \(recipient.trouble ?? "")",
      next: "Tell them yourself, and try the server with: keyfold mail test --to \(recipient.address)", now: now)
  }

  static func mailDelay(after attempts: Int) -> Duration {
    min(CoordinatorLimits.firstMailRetry * (1 << min(max(attempts - 1, 0), 16)), CoordinatorLimits.longestMailRetry)
  }

  private mutating func put(_ mail: MailRecord) {
    guard mailRecords[mail.id] != mail else { return }
    mailRecords[mail.id] = mail
    dirty.insert(RecordKey(kind: .mail, id: mail.id))
  }

  /// Mails that are through, beyond what is kept, are forgotten, oldest first.
  mutating func forgetOldMail() {
    let done = mailRecords.values.filter(\.isDone)
    guard done.count > CoordinatorLimits.finishedMails else { return }
    for mail in done.sorted(by: { ($0.createdAt, $0.id) < ($1.createdAt, $1.id) }).dropLast(
      CoordinatorLimits.finishedMails)
    {
      mailRecords[mail.id] = nil
      dirty.insert(RecordKey(kind: .mail, id: mail.id))
    }
  }
}

// MARK: - Words and checks

/// One mail to one recipient.
struct MailKey: Sendable, Hashable {
  let id: String
  let address: String
}

extension CoordinatorCore {
  /// How mail stands, for operators.
  public var mailView: MailView {
    let mails = mailRecords.values.sorted { ($0.createdAt, $0.id) < ($1.createdAt, $1.id) }
    var server = mailServer?.server
    // That there is one is enough.
    if server?.certificateAuthorityPEM != nil { server?.certificateAuthorityPEM = "" }
    let waiting = mails.flatMap { mail in
      mail.recipients.filter { !$0.isDone }.map { recipient in
        MailView.Waiting(
          subject: mail.subject, recipient: recipient.address,
          since: OperatorTime(milliseconds: mail.createdAt.milliseconds), attempts: recipient.attempts,
          trouble: recipient.trouble)
      }
    }
    let last = mails.flatMap(\.recipients).compactMap(\.sentAt).max()
    return MailView(
      server: server, waiting: waiting, lastSentAt: last.map { OperatorTime(milliseconds: $0.milliseconds) })
  }

  private static func check(_ server: MailServer) throws(CoordinatorError) {
    guard isMailAddress(server.from) else {
      throw CoordinatorError(.invalid, "The sender's mail address is not one.", next: "Write it like name@example.org")
    }
    for field in [server.host, server.user ?? "-"] {
      guard !field.isEmpty, field.utf8.count <= CoordinatorLimits.maximumMailAddress,
        field.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F })
      else { throw CoordinatorError(.invalid, "The mail server's host or user is empty, too long or not plain ASCII.") }
    }
    guard server.port > 0 else { throw CoordinatorError(.invalid, "The mail server has no port.") }
    guard server.certificateAuthorityPEM?.utf8.count ?? 0 <= CoordinatorLimits.maximumMailAuthority else {
      throw CoordinatorError(.invalid, "The mail server's certificate authority is too long.")
    }
  }

  private static func counted(_ clusters: [ClusterName]) -> String {
    clusters.count == 1 ? "1 cluster" : "\(clusters.count) clusters"
  }

  /// A provider's words without what could move a reader's cursor.
  private static func plain(_ text: String) -> String {
    String(String.UnicodeScalarView(text.unicodeScalars.map { $0.value < 0x20 || $0.value == 0x7F ? " " : $0 }))
  }

  private static func moment(_ now: Instant) -> String { "\(OperatorTime(milliseconds: now.milliseconds))" }
}
