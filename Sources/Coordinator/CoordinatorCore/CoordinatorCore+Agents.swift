// SPDX-License-Identifier: GPL-3.0-or-later
public import ClusterModel

extension CoordinatorCore {
  /// A node said hello: a new link, perhaps a new life of its process.
  ///
  /// The directives send it its assignment, the IP list and every command that waits for it; nothing if it has to wait,
  /// because another process has the node's place. The shell has checked that the link's key is the node's.
  /// `isAheadOfStore` says that it follows an epoch which this store never gave out; `address` is where the link comes
  /// from.
  public mutating func onHello(
    _ node: NodeName, report: NodeReport, isAheadOfStore: Bool = false, from address: String? = nil, now: Instant
  ) -> [CoordinatorDirective] {
    guard let record = nodeRecords[node], report.node == node else { return [] }
    let isFormer = record.formerBoots.contains(report.boot) && contacts[node]?.report?.boot != report.boot
    if isFormer || hasToWait(report.boot, at: node, of: record, now: now) {
      hearSecond(node, report: report, isAheadOfStore: isAheadOfStore, now: now)
      return flush()
    }
    if contacts[node]?.second?.report.boot == report.boot { forgetSecond(of: node, now: now) }
    note(address: address, of: node)
    welcome(node, report: report, isAheadOfStore: isAheadOfStore, now: now)
    return flush()
  }

  /// Gives the node's place to the process that reports.
  mutating func welcome(_ node: NodeName, report: NodeReport, isAheadOfStore: Bool, now: Instant) {
    guard var record = nodeRecords[node] else { return }
    if let present = contacts[node]?.report?.boot ?? record.report?.boot, present != report.boot {
      record.formerBoots.removeAll { $0 == present || $0 == report.boot }
      record.formerBoots.append(present)
      record.formerBoots.removeFirst(max(0, record.formerBoots.count - CoordinatorLimits.generationHistory))
      put(record)
    }
    contacts[node, default: Contact(report: nil)].helloAt = now
    contacts[node]?.hellos += 1
    contacts[node]?.assignmentSentAt = nil
    contacts[node]?.assignmentSent = nil
    contacts[node]?.addressesSentAt = nil
    contacts[node]?.witness = nil
    contacts[node]?.auditToldAt = nil
    contacts[node]?.isAheadOfStore = isAheadOfStore
    noteOpening(of: node, boot: report.boot)
    if isAheadOfStore { noteWitness(node, now: now) }
    // A hello that was overtaken by a later word of the same process says nothing but that there is a new link.
    let last = contacts[node]?.report
    let isOvertaken = last?.boot == report.boot && isStale(report, of: node)
    hear(node, report: isOvertaken ? last ?? report : report, now: now)
  }

  /// A node reports; dropped if it is not from the life that has the node's place, or older than what is known.
  public mutating func onHeartbeat(_ node: NodeName, report: NodeReport, now: Instant) -> [CoordinatorDirective] {
    guard nodeRecords[node] != nil, report.node == node, let contact = contacts[node] else { return [] }
    if let second = contact.second, second.report.boot == report.boot {
      hearSecond(node, report: report, now: now)
      return flush()
    }
    guard contact.helloAt != nil else { return [] }
    if contact.report?.boot != report.boot {
      hearSecond(node, report: report, now: now)
      return flush()
    }
    guard !isStale(report, of: node) else { return [] }
    hear(node, report: report, now: now)
    judgeSecond(of: node, now: now)
    return flush()
  }

  /// A node lists the keys below its master key.
  public mutating func onKeysReport(_ node: NodeName, keys: [KeyReport], now: Instant) -> [CoordinatorDirective] {
    guard nodeRecords[node] != nil else { return [] }
    let kept = keys.prefix(CoordinatorLimits.maximumKeysPerNode).sorted { $0.id < $1.id }
    guard keysRecords[node]?.keys != kept else { return [] }
    keysRecords[node] = KeysRecord(node: node, keys: kept, reportedAt: now)
    dirty.insert(RecordKey(kind: .keys, id: node.text))
    return flush()
  }

  /// A node answered a command; says why something does not go on, never that it is done: that the reports show.
  public mutating func onCommandResult(_ node: NodeName, result: CommandResult, now: Instant) -> [CoordinatorDirective]
  {
    guard let cluster = nodeRecords[node]?.cluster, var delivery = deliveries[result.command],
      commandOwner(result.command, in: cluster) == node
    else { return [] }
    delivery.answer = Self.bounded(result.outcome)
    delivery.answeredAt = now
    delivery.answers += 1
    deliveries[result.command] = delivery
    advance(cluster, now: now)
    return flush()
  }

  /// A link of a node went down, of the process `boot` or of the one that has the node's place; it counts as not heard
  /// of until it speaks again, and another that waits may have its place.
  public mutating func onDisconnected(_ node: NodeName, boot: BootID? = nil, now: Instant) -> [CoordinatorDirective] {
    if let boot, boot != contacts[node]?.report?.boot {
      if contacts[node]?.second?.report.boot == boot { forgetSecond(of: node, now: now) }
      return flush()
    }
    guard contacts[node]?.connected == true else { return [] }
    contacts[node]?.connected = false
    persistHeld(of: node)
    judgeSecond(of: node, now: now)
    if let cluster = nodeRecords[node]?.cluster { advance(cluster, now: now) }
    return flush()
  }

  /// Time passed; the shell calls it every `CoordinatorLimits.tickInterval`.
  public mutating func onTick(now: Instant) -> [CoordinatorDirective] {
    for project in projectRecords.keys.sorted() { scheduleCheck(of: project, now: now) }
    askAwaited(now: now)
    growOlder(now: now)
    endAccess(now: now)
    attendTokens(now: now)
    attendRefusedLooks(now: now)
    attendKeyHistories(now: now)
    if addressesAreStale { refreshAddresses(now: now) }
    for node in contacts.filter({ $0.value.second != nil }).keys.sorted() { judgeSecond(of: node, now: now) }
    for cluster in clusterRecords.keys.sorted() {
      watchSilence(of: cluster, now: now)
      advance(cluster, now: now)
    }
    attendDisagreements(now: now)
    attendRotations(now: now)
    closeContradictions(now: now)
    tellWitnesses(now: now)
    attendMail(now: now)
    closeOldLosses(now: now)
    forgetOld(now: now)
    forgetOldMail()
    return flush()
  }

  // MARK: Shared

  private mutating func hear(_ node: NodeName, report: NodeReport, now: Instant) {
    let before = contacts[node]?.report
    let heard = Self.bounded(report)
    let isNews = heard != before || contacts[node]?.isHeard(now: now) != true || contacts[node]?.helloAt == now
    guardKeystore(node, report: report, now: now)
    noteGenerations(of: node, from: before, to: report, now: now)
    contacts[node, default: Contact(report: nil)].hear(heard, now: now)
    remember(node, report: report)
    noteHeld(by: node, report: report, now: now)
    watchHealth(of: node, report: report, now: now)
    let isNew = before?.boot != report.boot
    if isNew || before?.replicationAddress != report.replicationAddress
      || before?.driverAddress != report.driverAddress || before?.outboundAddresses != report.outboundAddresses
      || before?.replicationSource != report.replicationSource
    {
      if let cluster = nodeRecords[node]?.cluster { staleAssignments.insert(cluster) }
      refreshAddressesSoon(now: now)
    }
    outrunAddresses(of: node)
    sendAddressesIfOlder(node, now: now)
    grantSlot(to: node, now: now)
    guard let name = nodeRecords[node]?.cluster, let cluster = clusterRecords[name] else { return }
    if isNews, isOutrun(cluster) { staleAssignments.insert(name) }
    if report.lastCheck != before?.lastCheck || contacts[node]?.helloAt == now {
      onNodeCheck(node, project: cluster.project, now: now)
    }
    noteKeys(of: node, now: now)
    // Of a word that says nothing new the tick draws the consequences, if time brings any.
    if isNews { advance(name, now: now) }
  }

  /// Persists a report only if it changes what matters after a start: heartbeats alone write nothing.
  private mutating func remember(_ node: NodeName, report: NodeReport) {
    guard var record = nodeRecords[node] else { return }
    let known = record.report
    let same =
      known?.phase.name == report.phase.name && known?.generation == report.generation
      && known?.replicationAddress == report.replicationAddress && known?.driverAddress == report.driverAddress
      && known?.agentVersion == report.agentVersion && known?.damage == report.damage && known?.boot == report.boot
      && known?.otherGenerations == report.otherGenerations && known?.outboundAddresses == report.outboundAddresses
      && known?.replicationSource == report.replicationSource
    if same { return }
    record.report = Self.bounded(report)
    put(record)
  }

  /// A report that arrived after a newer one of the same life; terms, keystores and generations only go forward.
  private func isStale(_ report: NodeReport, of node: NodeName) -> Bool {
    guard let known = contacts[node]?.report else { return false }
    // What a process holds under which key counts as of the settings it says it follows.
    if known.boot == report.boot, report.assignmentVersion < known.assignmentVersion { return true }
    if let generation = report.generation {
      let isFormer = nodeRecords[node]?.formerGenerations.contains(generation.id) == true
      if isFormer, known.generation?.id != generation.id { return true }
      if let last = known.generation, last.id == generation.id, generation.keystoreVersion < last.keystoreVersion {
        return true
      }
    }
    guard report.generation?.id == known.generation?.id, let term = report.replication?.term,
      let last = known.replication?.term
    else { return false }
    return term < last
  }

  /// A report whose texts are cut to what is kept.
  static func bounded(_ report: NodeReport) -> NodeReport {
    var report = report
    switch report.phase {
    case .awaitingKMS(let reason): report.phase = .awaitingKMS(reason: bounded(reason))
    case .disabled(let reason): report.phase = .disabled(reason: bounded(reason))
    case .failed(let reason): report.phase = .failed(reason: bounded(reason))
    case .notApproved(let reason): report.phase = .notApproved(reason: bounded(reason))
    case .awaitingSettings, .empty, .opening, .serving, .stopped: break
    }
    if let refusal = report.kmsRefusal { report.kmsRefusal = bounded(refusal) }
    if let pause = report.scrub?.pause { report.scrub?.pause = bounded(pause) }
    report.damage = report.damage.prefix(16).map { DamageReport(file: bounded($0.file), reason: bounded($0.reason)) }
    return report
  }

  private static func bounded(_ outcome: CommandOutcome) -> CommandOutcome {
    switch outcome {
    case .done, .accepted: outcome
    case .failed(let reason): .failed(reason: bounded(reason))
    case .refused(let reason): .refused(reason: bounded(reason))
    }
  }

  static func bounded(_ text: String) -> String {
    text.count <= CoordinatorLimits.maximumReasonLength
      ? text : text.prefix(CoordinatorLimits.maximumReasonLength) + "…"
  }

  /// Finished plans and closed alerts beyond what is kept are forgotten, oldest first.
  private mutating func forgetOld(now: Instant) {
    let finished =
      planRecords.count > CoordinatorLimits.finishedPlans
      ? planRecords.values.filter { !$0.isOpen && !isRemembered($0, now: now) } : []
    if finished.count > CoordinatorLimits.finishedPlans {
      for plan in finished.sorted(by: { $0.sequence < $1.sequence }).dropLast(CoordinatorLimits.finishedPlans) {
        planRecords[plan.id] = nil
        dirty.insert(RecordKey(kind: .plan, id: plan.id.text))
      }
    }
    guard alertRecords.count > CoordinatorLimits.closedAlerts else { return }
    let closed = alertRecords.values.filter { $0.closedAt != nil }
    guard closed.count > CoordinatorLimits.closedAlerts else { return }
    for alert in closed.sorted(by: { ($0.openedAt, $0.id) < ($1.openedAt, $1.id) }).dropLast(
      CoordinatorLimits.closedAlerts)
    {
      alertRecords[alert.id] = nil
      dirty.insert(RecordKey(kind: .alert, id: alert.id))
    }
  }
}
