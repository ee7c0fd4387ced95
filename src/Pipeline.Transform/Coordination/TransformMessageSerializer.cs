using System.Text.Json;
using Akka.Actor;
using Akka.Hosting;
using Akka.Serialization;
using Pipeline.Core;
using Pipeline.Remoting.Wire;
using Pipeline.Transform.Coordination.Runners;
using Pipeline.Transform.Jobs;

namespace Pipeline.Transform.Coordination;

/// <summary>
/// Messages that cross nodes and events that outlive the process, as UTF-8 JSON. A manifest names the form; a changed
/// one gets a new manifest, and readers learn it before any writer uses it.
/// </summary>
public sealed class TransformMessageSerializer(ExtendedActorSystem system) : SerializerWithStringManifest(system)
{
    private static readonly Dictionary<string, Type> TypesByManifest = new(StringComparer.Ordinal)
    {
        ["table-advanced-1"] = typeof(TableAdvanced),
        ["get-medallion-status-1"] = typeof(GetMedallionStatus),
        ["medallion-status-1"] = typeof(MedallionStatus),
        ["trigger-table-1"] = typeof(TriggerTable),
        ["look-again-1"] = typeof(LookAgain),
        ["pause-table-1"] = typeof(PauseTable),
        ["resume-table-1"] = typeof(ResumeTable),
        ["cancel-table-1"] = typeof(CancelTable),
        ["accepted-1"] = typeof(Accepted),
        ["unknown-table-1"] = typeof(UnknownTable),
        ["job-requested-1"] = typeof(JobRequested),
        ["job-succeeded-1"] = typeof(JobSucceeded),
        ["job-failed-1"] = typeof(JobFailed),
        ["job-dropped-1"] = typeof(JobDropped),
        ["job-too-large-1"] = typeof(JobTooLarge),
        ["table-paused-1"] = typeof(TablePaused),
        ["table-resumed-1"] = typeof(TableResumed),
        ["medallion-snapshot-1"] = typeof(MedallionSnapshot),
        ["get-running-jobs-1"] = typeof(GetRunningJobs),
        ["running-jobs-1"] = typeof(RunningJobs),
        ["run-job-1"] = typeof(RunJob),
        ["cancel-job-1"] = typeof(CancelJob),
        ["job-ended-1"] = typeof(JobEnded),
        ["job-end-kept-1"] = typeof(JobEndKept),
        ["intent-kept-1"] = typeof(IntentKept),
    };

    private static readonly Dictionary<Type, string> ManifestsByType = TypesByManifest.ToDictionary(pair => pair.Value, pair => pair.Key);

    /// <summary>The types this serializer writes.</summary>
    public static IReadOnlyCollection<Type> Types => TypesByManifest.Values;

    public override int Identifier => 4202;

    public override string Manifest(object o) => ManifestsByType.TryGetValue(o.GetType(), out var manifest)
        ? manifest
        : throw new MessageRefusedException($"{o.GetType()} is not a message of transform that crosses nodes.");

    public override byte[] ToBinary(object obj) => JsonSerializer.SerializeToUtf8Bytes(obj, obj.GetType(), Json.Options);

    public override object FromBinary(byte[] bytes, string manifest) => TypesByManifest.TryGetValue(manifest, out var type)
        ? JsonSerializer.Deserialize(bytes, type, Json.Options)!
        : throw new MessageRefusedException($"A message with manifest {MessageRefusedException.Shown(manifest)} is not known here: it is of a newer release, or a stranger's.");
}

internal static class TransformSerializerRegistration
{
    public static AkkaConfigurationBuilder AddTransformSerializer(this AkkaConfigurationBuilder builder) =>
        builder.WithCustomSerializer("pipeline-transform", TransformMessageSerializer.Types, system => new TransformMessageSerializer(system));
}
