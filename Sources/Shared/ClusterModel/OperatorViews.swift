// SPDX-License-Identifier: GPL-3.0-or-later

/// A project as an operator sees it.
public struct ProjectView: Sendable, Codable, Equatable {
  /// Its name.
  public var name: ProjectName
  /// Its owners' mail addresses.
  public var owners: [String]
  /// When it was made.
  public var createdAt: OperatorTime?
  /// Its clusters, by name.
  public var clusters: [ClusterName]
  /// Its KMS settings, nil if none are set.
  public var kms: KMSView?
  /// Whether the alert `KMS network access denied` is on; nil from a coordinator that does not say.
  public var kmsNetworkAccessDenied: Bool?
  /// When its clusters are maintained; nil from a coordinator that does not say.
  public var maintenance: MaintenanceView?
  /// Since when its customer key is the one it is, nil if that is not known.
  public var keySince: OperatorTime?

  /// Makes a view of its parts.
  public init(
    name: ProjectName, owners: [String] = [], createdAt: OperatorTime?, clusters: [ClusterName], kms: KMSView?
  ) {
    self.name = name
    self.owners = owners
    self.createdAt = createdAt
    self.clusters = clusters
    self.kms = kms
  }
}

/// KMS settings as an operator sees them; there is no field for the secret.
public struct KMSView: Sendable, Codable, Equatable {
  /// The project they belong to.
  public var project: ProjectName
  /// The provider.
  public var provider: KMSProvider
  /// The key's full id.
  public var keyID: String
  /// The key's region.
  public var region: String
  /// The endpoint in use, nil for the provider's own.
  public var endpoint: String?
  /// Endpoints of single regions, nil if there are none.
  public var regionEndpoints: [String: String]?
  /// Whether a certificate authority of the operator's own is trusted instead of the system's.
  public var hasOwnAuthority: Bool
  /// Who asks, without the secret.
  public var credentials: KMSCredentials
  /// Where credentials are issued, nil for the provider's own.
  public var issuerEndpoint: String?
  /// The machine's metadata service, nil for the provider's own address.
  public var metadataEndpoint: String?
  /// Other regions that are asked while the key's own is out, in their order; nil for none.
  public var replicas: [KMSReplica]?
  /// One higher at each change.
  public var settingsVersion: UInt64
  /// What the coordinator's last check said, nil before the first.
  public var lastCheck: CheckView?
  /// What is wrong with the key, nil while nothing is.
  public var trouble: KeyTroubleView?
  /// What everybody who looks at the key saw last; nil from a coordinator that does not say.
  public var vantagePoints: [VantagePointView]?
  /// Keys that were replaced and are still needed; nil if there are none.
  public var formerKeys: [FormerKeyView]?
  /// What private networking is required, nil if none is.
  public var privateNetwork: PrivateNetworkView?

  /// Makes a view of settings; the secret is no part of them.
  public init(project: ProjectName, settings: KMSSettings, settingsVersion: UInt64, lastCheck: CheckView?) {
    self.project = project
    provider = settings.provider
    keyID = settings.keyID
    region = settings.region
    endpoint = settings.endpointInUse
    regionEndpoints = settings.regionEndpoints.isEmpty ? nil : settings.regionEndpoints
    hasOwnAuthority = settings.certificateAuthorityPEM != nil
    credentials = settings.credentials
    issuerEndpoint = settings.issuerEndpoint
    metadataEndpoint = settings.metadataEndpoint
    replicas = settings.replicas
    privateNetwork = settings.privateRanges.map { PrivateNetworkView(ranges: $0) }
    self.settingsVersion = settingsVersion
    self.lastCheck = lastCheck
  }
}

/// One KMS check as an operator sees it.
public struct CheckView: Sendable, Codable, Equatable {
  /// `valid`, `revoked` or `unreachable`.
  public var verdict: String
  /// Why, for anything but `valid`.
  public var reason: String?
  /// The provider's words, for anything but `valid`.
  public var detail: String?
  /// When the check began.
  public var checkedAt: OperatorTime?

  /// The other region that answered because the key's own is out, nil if its own answered.
  public var answeredElsewhere: String?

  /// Makes a view of a verdict and the moment its check began, milliseconds since 1970.
  public init(_ verdict: Verdict, startedAtMilliseconds: Int64) {
    checkedAt = OperatorTime(known: startedAtMilliseconds)
    switch verdict {
    case .valid: self.verdict = "valid"
    case .revoked(let why, let text): (self.verdict, reason, detail) = ("revoked", why.rawValue, text)
    case .unreachable(let why, let text): (self.verdict, reason, detail) = ("unreachable", why.rawValue, text)
    }
  }
}

/// Something that needs an operator's attention.
public struct AlertView: Sendable, Codable, Equatable {
  /// How bad it is: `warning` or `critical`.
  public var severity: String
  /// What it is about: a project, cluster or node.
  public var subject: String
  /// What is the matter.
  public var text: String
  /// Since when.
  public var since: OperatorTime?
  /// Until when, nil while it lasts.
  public var until: OperatorTime?
  /// Its name; nil from a coordinator that does not say.
  public var title: String?
  /// What to do about it, nil if the text says it.
  public var next: String?

  /// Makes a view of its parts.
  public init(
    severity: String, subject: String, text: String, since: OperatorTime?, until: OperatorTime? = nil,
    title: String? = nil, next: String? = nil
  ) {
    self.until = until
    self.title = title
    self.next = next
    self.severity = severity
    self.subject = subject
    self.text = text
    self.since = since
  }
}
