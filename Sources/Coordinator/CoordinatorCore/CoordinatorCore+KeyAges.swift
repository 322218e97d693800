// SPDX-License-Identifier: GPL-3.0-or-later
public import ClusterModel

/// How old the keys in use are, and the alerts on it: not on whether something ran, but on what the nodes hold.
extension CoordinatorCore {
  /// How old a node's master key in use is, nil if no clock can tell.
  ///
  /// By the clock of the node, which also made the key: so a jump of the coordinator's clock makes no key old. A node
  /// that is not heard of is judged by the coordinator's clock. A key from the future of its own node, whose clock was
  /// set back, is as old as the coordinator knows it.
  func masterKeyAge(of node: NodeName, now: Instant) -> Duration? {
    guard let record = nodeRecords[node], let generation = record.generation, generation.encrypted else { return nil }
    let heard = contacts[node]?.isHeard(now: now) == true ? contacts[node]?.report?.clockMilliseconds : nil
    let clock = heard.map { Instant(milliseconds: $0) } ?? now
    let made = Instant(milliseconds: generation.masterKeyCreatedAtMilliseconds)
    if generation.masterKeyCreatedAtMilliseconds > 0, clock - made >= .zero - CoordinatorLimits.clockTolerance {
      return max(.zero, clock - made)
    }
    guard let seen = record.masterKeys.last(where: { $0.id == generation.masterKeyID })?.seenAt, seen <= now else {
      return nil
    }
    return now - seen
  }

  /// The node of a cluster with the oldest master key in use, and its age; a key whose age nobody knows is the oldest.
  func oldestMasterKey(of cluster: ClusterRecord, now: Instant) -> (node: NodeName, age: Duration?)? {
    let encrypted = cluster.nodes.filter { nodeRecords[$0]?.generation?.encrypted == true }.sorted()
    let ages = encrypted.map { (node: $0, age: masterKeyAge(of: $0, now: now)) }
    return ages.first { $0.age == nil } ?? ages.max { ($0.age ?? .zero) < ($1.age ?? .zero) }
  }

  /// An alert while a key in use is older than it may become, whatever the reason.
  mutating func watchMasterKeyAge(of cluster: ClusterRecord, _ outlook: RotationOutlook?, now: Instant) {
    guard let outlook, outlook.age.map({ $0 >= outlook.limit }) ?? true else {
      return closeAlert(.masterKeyOld, subject: cluster.name.text, now: now)
    }
    let age = outlook.age.map { "is \($0.wholeDays) d old" } ?? "was made in the future of every clock"
    let deferrals = cluster.rotation?.deferrals ?? 0
    let deferred = deferrals == 0 ? "" : " Its rotation was deferred \(deferrals == 1 ? "once" : "\(deferrals) times")."
    openAlert(
      .masterKeyOld, subject: cluster.name.text,
      text: "The master key of \(outlook.node) \(age); the limit is \(outlook.limit.wholeDays) d."
        + deferred,
      next: "See why with: keyfold keys schedule --cluster \(cluster.name); start it with: keyfold keys rotate "
        + cluster.name.text, now: now)
  }

  /// How long a project's customer key has been in use, nil if it has none or no clock can tell.
  func customerKeyAge(of project: ProjectRecord, now: Instant) -> Duration? {
    guard project.kms != nil else { return nil }
    // A store from before this was remembered knows only when the project was made. A moment of the future is from
    // before the clock was set back.
    let since = [project.keySince, project.createdAt].compactMap { $0 }.first { $0 <= now }
    return since.map { now - $0 }
  }

  /// After how many days of one key of this provider the alert opens, 0 for never.
  func keyAlertDays(of project: ProjectRecord, _ provider: KMSProvider) -> Int {
    project.maintenance?.keyAlertDays?[provider.rawValue] ?? CoordinatorLimits.keyAlertDays
  }

  /// An alert while a project's customer key has been in use for longer than is wanted.
  mutating func watchCustomerKeyAge(of name: ProjectName, now: Instant) {
    guard let project = projectRecords[name] else { return }
    guard let settings = project.kms, let age = customerKeyAge(of: project, now: now) else {
      return closeAlert(.customerKeyOld, subject: name.text, now: now)
    }
    let days = keyAlertDays(of: project, settings.provider)
    guard days > 0, age > .seconds(86_400) * days else {
      return closeAlert(.customerKeyOld, subject: name.text, now: now)
    }
    openAlert(
      .customerKeyOld, subject: name.text,
      text: "The \(settings.provider.rawValue) key of project \(name) has been in use for \(age.wholeDays) d: "
        + settings.keyID,
      next: "Change to another key; or: keyfold alert set \(name) --key-needs-rotation \(days)|off", now: now)
  }

  /// Sets after how many days the alert on a customer's key opens, for one provider or all; 0 turns it off.
  public mutating func setKeyAlert(
    _ name: ProjectName, provider: KMSProvider?, days: Int, now: Instant
  ) throws(CoordinatorError) -> Decision<ProjectRecord> {
    var project = try self.project(name)
    guard (0...CoordinatorLimits.maximumKeyAlertDays).contains(days) else {
      throw CoordinatorError(
        .invalid, "The alert was not changed.", why: "\(days) is no number of days for it.",
        next: "Say 1 to \(CoordinatorLimits.maximumKeyAlertDays), or off.")
    }
    var maintenance = project.maintenance ?? MaintenanceRecord()
    for each in provider.map({ [$0] }) ?? KMSProvider.allCases {
      maintenance.keyAlertDays = (maintenance.keyAlertDays ?? [:]).merging([each.rawValue: days]) { $1 }
    }
    project.maintenance = maintenance
    put(project)
    watchCustomerKeyAge(of: name, now: now)
    return Decision(project, flush())
  }
}

extension Duration {
  /// Whole days.
  var wholeDays: Int64 { wholeMilliseconds / 86_400_000 }
}
