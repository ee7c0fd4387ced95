using System.Text.Json.Serialization;
using Pipeline.Core;

namespace Pipeline.Ingest;

/// <summary>A <see cref="PipelineException"/> as a value, so that it can cross nodes and be shown later.</summary>
/// <param name="Split">The only split that is affected; null: all of the reading.</param>
public sealed record Fault(FaultKind Kind, string Thing, string Cause, string NextStep, string? Split = null)
{
    /// <summary>Whether trying again later can help without anybody doing anything here.</summary>
    [JsonIgnore]
    public bool IsTransient => Kind is FaultKind.Unreachable or FaultKind.StorageFull;

    public static Fault From(PipelineException exception) =>
        new(exception.Kind, exception.Thing, exception.Cause, exception.NextStep, exception.Split?.ToString());

    /// <summary>A defect or a library's own error. Counts as transient: starting clean may help.</summary>
    public static Fault Unexpected(string thing, Exception exception) =>
        new(FaultKind.Unreachable, thing, $"unexpected {exception.GetType().Name}: {exception.Message}", "See the log for its stack.");

    public override string ToString() => $"{Thing}: {Cause}. {NextStep}";
}
