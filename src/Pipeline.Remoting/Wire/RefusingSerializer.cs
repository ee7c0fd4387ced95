using Akka.Actor;
using Akka.Serialization;

namespace Pipeline.Remoting.Wire;

/// <summary>
/// Takes the place of a serializer that makes whatever type a message names. What crosses nodes has a manifest of its own
/// serializer; what stays within a node is never written.
/// </summary>
/// <param name="identifier">That of the serializer whose place it takes.</param>
internal sealed class RefusingSerializer(ExtendedActorSystem system, int identifier) : SerializerWithStringManifest(system)
{
    public override int Identifier => identifier;

    public override string Manifest(object o) => throw Unwritten(o);

    public override byte[] ToBinary(object obj) => throw Unwritten(obj);

    public override object FromBinary(byte[] bytes, string manifest) =>
        throw new MessageRefusedException($"A message with manifest {MessageRefusedException.Shown(manifest)} was refused: no message is made of a type that its sender names.");

    private static MessageRefusedException Unwritten(object message) =>
        new($"{message.GetType()} is not sent: it has no manifest, so it stays within its node.");
}
