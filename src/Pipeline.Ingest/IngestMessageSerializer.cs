using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using Akka.Actor;
using Akka.Hosting;
using Akka.Serialization;
using Pipeline.Core;
using Pipeline.Ingest.Committer;
using Pipeline.Remoting.Wire;

namespace Pipeline.Ingest;

/// <summary>
/// The messages that cross nodes, as UTF-8 JSON: references to files, never rows. A manifest names the form; a changed
/// message gets a new manifest, and readers learn it before any writer sends it.
/// </summary>
public sealed class IngestMessageSerializer(ExtendedActorSystem system) : SerializerWithStringManifest(system)
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        // Statistics are JSON in JSON: quotes as \" and not as six characters.
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.CamelCase), new FaultForm.Converter() },
    };

    private static readonly Dictionary<string, Type> TypesByManifest = new(StringComparer.Ordinal)
    {
        ["get-positions-1"] = typeof(GetPositions),
        ["positions-found-1"] = typeof(PositionsFound),
        ["positions-unavailable-1"] = typeof(PositionsUnavailable),
        ["stage-files-1"] = typeof(StageFiles),
        ["stage-reference-1"] = typeof(StageReference),
        ["stage-committed-1"] = typeof(StageCommitted),
        ["stage-refused-1"] = typeof(StageRefused),
        ["stage-failed-1"] = typeof(StageFailed),
        ["bronze-committed-1"] = typeof(BronzeCommitted),
        ["bronze-looked-1"] = typeof(BronzeLooked),
    };

    private static readonly Dictionary<Type, string> ManifestsByType = TypesByManifest.ToDictionary(pair => pair.Value, pair => pair.Key);

    /// <summary>The types this serializer writes.</summary>
    public static IReadOnlyCollection<Type> Types => TypesByManifest.Values;

    public override int Identifier => 4201;

    public override string Manifest(object o) => ManifestsByType.TryGetValue(o.GetType(), out var manifest)
        ? manifest
        : throw new MessageRefusedException($"{o.GetType()} is not a message of ingest that crosses nodes.");

    public override byte[] ToBinary(object obj) => Write(obj);

    /// <summary>The form of a message, for where it is no message.</summary>
    internal static byte[] Write(object message) => JsonSerializer.SerializeToUtf8Bytes(message, message.GetType(), Json);

    internal static T Read<T>(byte[] form) => JsonSerializer.Deserialize<T>(form, Json)!;

    public override object FromBinary(byte[] bytes, string manifest) => TypesByManifest.TryGetValue(manifest, out var type)
        ? JsonSerializer.Deserialize(bytes, type, Json)!
        : throw new MessageRefusedException($"A message with manifest {MessageRefusedException.Shown(manifest)} is not known here: it is of a newer release, or a stranger's.");
}

internal static class IngestSerializerRegistration
{
    public static AkkaConfigurationBuilder AddIngestSerializer(this AkkaConfigurationBuilder builder) =>
        builder.WithCustomSerializer("pipeline-ingest", IngestMessageSerializer.Types, system => new IngestMessageSerializer(system));
}
