using Akka.Actor;
using Akka.Cluster.Serialization;
using Akka.Event;
using Akka.Serialization;
using Google.Protobuf;
using Pipeline.Remoting.Wire;

namespace Pipeline.Remoting.Joining;

/// <summary>
/// Akka's messages of a cluster, and in those of joining the identity of who sends them: a node of another pipeline neither
/// joins nor is joined, whatever its seeds say. Akka has no place of its own for this.
/// </summary>
/// <remarks>The identity is a field behind the message's own: nodes of the release before pass it by.</remarks>
internal sealed class JoiningSerializer : SerializerWithStringManifest
{
    /// <summary>Far from those that Akka uses.</summary>
    private const int IdentityField = 15_000;

    private const string InitJoin = "Akka.Cluster.InternalClusterAction+InitJoin, Akka.Cluster";
    private const string InitJoinAck = "Akka.Cluster.InternalClusterAction+InitJoinAck, Akka.Cluster";
    private const string Join = "Akka.Cluster.InternalClusterAction+Join, Akka.Cluster";
    private const string Welcome = "Akka.Cluster.InternalClusterAction+Welcome, Akka.Cluster";

    /// <summary>Not among them: leave and down, which members tell themselves and learn from gossip.</summary>
    private static readonly string[] Manifests =
    [
        InitJoin, InitJoinAck, "Akka.Cluster.InternalClusterAction+InitJoinNack, Akka.Cluster", Join, Welcome,
        "Akka.Cluster.InternalClusterAction+ExitingConfirmed, Akka.Cluster", "Akka.Cluster.GossipStatus, Akka.Cluster", "Akka.Cluster.GossipEnvelope, Akka.Cluster",
        "HB", "HBR", "Akka.Cluster.ClusterHeartbeatSender+Heartbeat, Akka.Cluster", "Akka.Cluster.ClusterHeartbeatSender+HeartbeatRsp, Akka.Cluster",
    ];

    private readonly NarrowedSerializer _inner;
    private readonly PipelineIdentity _identity;
    private int _toldOfUnnamed;

    public JoiningSerializer(ExtendedActorSystem system, PipelineIdentity identity) : base(system)
    {
        _inner = new NarrowedSerializer(system, new ClusterMessageSerializer(system), Manifests);
        _identity = identity;
    }

    public override int Identifier => _inner.Identifier;

    public override string Manifest(object o) => _inner.Manifest(o);

    public override byte[] ToBinary(object obj)
    {
        var written = _inner.ToBinary(obj);
        return Manifest(obj) is InitJoin or InitJoinAck or Join or Welcome ? [.. written, .. IdentityFieldOf(_identity.Say(system.Provider.DefaultAddress.ToString()))] : written;
    }

    public override object FromBinary(byte[] bytes, string manifest)
    {
        if (manifest is InitJoin or InitJoinAck or Join or Welcome) Check(SaidIn(bytes), manifest);
        return _inner.FromBinary(bytes, manifest);
    }

    private void Check(byte[]? said, string manifest)
    {
        if (_identity.Mismatch(said) is not { } mismatch)
        {
            if (said is null && Interlocked.Exchange(ref _toldOfUnnamed, 1) == 0)
                Logging.GetLogger(system, typeof(JoiningSerializer)).Warning("A node of the release before is in this cluster, which works on loopback only: elsewhere its whole cluster is stopped before the first node of this release starts");
            return;
        }

        // Who asks is answered, so that he learns whom he has asked, and is refused if he joins all the same.
        if (manifest == InitJoin) return;
        var other = PipelineIdentity.AddressIn(said);
        if (manifest == Join) throw new MessageRefusedException($"The node {other} does not join this cluster: it {mismatch}.");
        if (!_identity.IsUndecided(said)) _identity.Refuse($"it does not join the cluster of {other}, which {mismatch}");
        throw new MessageRefusedException($"This node does not join the cluster of {other}: that {mismatch}.");
    }

    private static byte[] IdentityFieldOf(byte[] said)
    {
        using var field = new MemoryStream();
        using (var output = new CodedOutputStream(field, leaveOpen: true))
        {
            output.WriteTag(IdentityField, WireFormat.WireType.LengthDelimited);
            output.WriteBytes(ByteString.CopyFrom(said));
        }

        return field.ToArray();
    }

    /// <summary>Null: there is none.</summary>
    private static byte[]? SaidIn(byte[] bytes)
    {
        var input = new CodedInputStream(bytes);
        try
        {
            while (input.ReadTag() is not 0 and var tag)
            {
                if (WireFormat.GetTagFieldNumber(tag) == IdentityField && WireFormat.GetTagWireType(tag) == WireFormat.WireType.LengthDelimited) return input.ReadBytes().ToByteArray();
                input.SkipLastField();
            }
        }
        catch (InvalidProtocolBufferException)
        {
            return null;
        }

        return null;
    }
}
