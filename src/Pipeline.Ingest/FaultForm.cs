using System.Text.Json;
using System.Text.Json.Serialization;
using Pipeline.Core;

namespace Pipeline.Ingest;

/// <summary>
/// A <see cref="Fault"/> as it crosses nodes. Readers of the release before know no defects and do with them what they do
/// with a dependency that is away, which is to start clean: they are told that kind, and others the truth beside it.
/// </summary>
internal sealed record FaultForm(FaultKind Kind, string Thing, string Cause, string NextStep, SplitId? Split, string? Dependency, bool? IsDefect)
{
    private static FaultForm Of(Fault fault) => fault.Kind == FaultKind.Defect
        ? new FaultForm(FaultKind.Unreachable, fault.Thing, fault.Cause, fault.NextStep, fault.Split, fault.Dependency, IsDefect: true)
        : new FaultForm(fault.Kind, fault.Thing, fault.Cause, fault.NextStep, fault.Split, fault.Dependency, IsDefect: null);

    private Fault ToFault() => new(IsDefect == true ? FaultKind.Defect : Kind, Thing, Cause, NextStep, Split, Dependency);

    internal sealed class Converter : JsonConverter<Fault>
    {
        public override Fault Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            JsonSerializer.Deserialize<FaultForm>(ref reader, options)!.ToFault();

        public override void Write(Utf8JsonWriter writer, Fault value, JsonSerializerOptions options) => JsonSerializer.Serialize(writer, Of(value), options);
    }
}
