using System.Text.Json;
using System.Text.Json.Serialization;
using Akka.Actor;
using Akka.Hosting;
using Akka.Serialization;
using Pipeline.Remoting.Wire;

namespace Pipeline.Operations.Control;

/// <summary>
/// Messages of control that cross nodes, as UTF-8 JSON. A manifest names the form; a changed message gets a new one, and readers learn
/// it before any writer sends it.
/// </summary>
public sealed class ControlMessageSerializer(ExtendedActorSystem system) : SerializerWithStringManifest(system)
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.KebabCaseLower) },
    };

    private static readonly Dictionary<string, Type> TypesByManifest = new(StringComparer.Ordinal)
    {
        ["node-report-1"] = typeof(NodeReport),
        ["desired-work-1"] = typeof(DesiredWork),
        ["restart-work-1"] = typeof(RestartWork),
        ["leave-work-1"] = typeof(LeaveWork),
        ["log-level-work-1"] = typeof(LogLevelWork),
        ["look-again-at-1"] = typeof(LookAgainAt),
        ["control-recorded-1"] = typeof(ControlRecorded),
        ["take-unrecorded-1"] = typeof(TakeUnrecorded),
        ["restart-unrecorded-1"] = typeof(RestartUnrecorded),
        ["unrecorded-taken-1"] = typeof(UnrecordedTaken),
        ["get-pipeline-1"] = typeof(GetPipeline),
        ["pipeline-page-1"] = typeof(PipelinePage),
    };

    private static readonly Dictionary<Type, string> ManifestsByType = TypesByManifest.ToDictionary(pair => pair.Value, pair => pair.Key);

    /// <summary>The types this serializer writes.</summary>
    public static IReadOnlyCollection<Type> Types => TypesByManifest.Values;

    public override int Identifier => 4204;

    public override string Manifest(object o) => ManifestsByType.TryGetValue(o.GetType(), out var manifest)
        ? manifest
        : throw new MessageRefusedException($"{o.GetType()} is not a message of control that crosses nodes.");

    public override byte[] ToBinary(object obj) => JsonSerializer.SerializeToUtf8Bytes(obj, obj.GetType(), Json);

    public override object FromBinary(byte[] bytes, string manifest) => TypesByManifest.TryGetValue(manifest, out var type)
        ? JsonSerializer.Deserialize(bytes, type, Json)!
        : throw new MessageRefusedException($"A message with manifest {MessageRefusedException.Shown(manifest)} is not known here: it is of a newer release, or a stranger's.");
}

internal static class ControlSerializerRegistration
{
    public static AkkaConfigurationBuilder AddControlSerializer(this AkkaConfigurationBuilder builder) =>
        builder.WithCustomSerializer("pipeline-control", ControlMessageSerializer.Types, system => new ControlMessageSerializer(system));
}
