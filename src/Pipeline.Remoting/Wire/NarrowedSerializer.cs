using Akka.Actor;
using Akka.Serialization;

namespace Pipeline.Remoting.Wire;

/// <summary>
/// One of Akka's own serializers, for those of its messages that nodes of ours exchange. The others are orders to a node (end
/// this actor, make that one, take this member out) which none of ours gives from afar.
/// </summary>
internal sealed class NarrowedSerializer : SerializerWithStringManifest
{
    private readonly Func<object, string> _manifest;
    private readonly Func<byte[], string, object> _read;
    private readonly Serializer _inner;
    private readonly HashSet<string> _manifests;

    /// <param name="manifests">Those that are read and written.</param>
    public NarrowedSerializer(ExtendedActorSystem system, SerializerWithStringManifest inner, IEnumerable<string> manifests) : base(system)
    {
        _inner = inner;
        _manifests = manifests.ToHashSet(StringComparer.Ordinal);
        (_manifest, _read) = (inner.Manifest, inner.FromBinary);
    }

    /// <param name="types">Those that are read and written; the names of these types are their manifests.</param>
    public NarrowedSerializer(ExtendedActorSystem system, Serializer inner, IEnumerable<Type> types) : base(system)
    {
        _inner = inner;
        var typesByManifest = types.ToDictionary(NameOf, type => type, StringComparer.Ordinal);
        _manifests = [.. typesByManifest.Keys];
        (_manifest, _read) = (message => NameOf(message.GetType()), (bytes, manifest) => inner.FromBinary(bytes, typesByManifest[manifest]));
    }

    public override int Identifier => _inner.Identifier;

    public override string Manifest(object o) => Allowed(_manifest(o), "sent");

    public override byte[] ToBinary(object obj) => _inner.ToBinary(obj);

    public override object FromBinary(byte[] bytes, string manifest) => _read(bytes, Allowed(manifest, "read"));

    private string Allowed(string? manifest, string what) => manifest is not null && _manifests.Contains(manifest)
        ? manifest
        : throw new MessageRefusedException($"A message with manifest {MessageRefusedException.Shown(manifest)} was refused: from one node to another none is {what}.");

    private static string NameOf(Type type) => $"{type.FullName}, {type.Assembly.GetName().Name}";
}
