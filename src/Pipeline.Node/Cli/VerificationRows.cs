using System.Text.Json;
using Pipeline.Core;
using Pipeline.Operations.Verification;

namespace Pipeline.Node.Cli;

/// <summary>What verification has found, as programs read it: codes and figures.</summary>
internal static class VerificationRows
{
    private static readonly JsonSerializerOptions Figures = new(Listing.Json) { Converters = { new AsText<TableId>(), new AsText<SplitId>() } };

    public static Listing Of(VerifyLakeResult verified)
    {
        var listing = new Listing("table", "check", "ok", "found", "times", "figures", "remedy", "fault");
        foreach (var flaw in verified.OfLake) Add(null, "lake", flaw, 1);
        foreach (var check in verified.Checks) Add(check.Table, CodeOf(check.Check), check.Found, check.Times);
        return listing;

        void Add(TableId? table, string check, Evidence found, int times)
        {
            var figures = JsonSerializer.SerializeToNode(found, found.GetType(), Figures)!.AsObject();
            figures.Remove("next_step");
            figures.Remove("fault", out var fault);
            listing.Add(table?.ToString(), check, found is not Flaw, CodeOf(found), times, figures, (found as Flaw)?.NextStep, fault);
        }
    }

    private static string CodeOf(object found) => JsonNamingPolicy.SnakeCaseLower.ConvertName(found.GetType().Name);

    /// <summary>By what it is called.</summary>
    private sealed class AsText<T> : System.Text.Json.Serialization.JsonConverter<T>
    {
        public override T Read(ref Utf8JsonReader reader, Type type, JsonSerializerOptions options) => throw new NotSupportedException($"A {typeof(T).Name} is not read here.");

        public override void Write(Utf8JsonWriter writer, T value, JsonSerializerOptions options) => writer.WriteStringValue(value!.ToString());
    }
}
