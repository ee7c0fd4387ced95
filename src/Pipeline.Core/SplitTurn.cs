using System.Text.Json;

namespace Pipeline.Core;

/// <summary>
/// A stretch of a split that is read again in an epoch of its own, kept where positions are: behind its end the split goes on where it was left. It holds
/// as long as the split is read in that epoch; a split that forgets it reads again what follows, too, and ends with the same.
/// </summary>
/// <param name="To">Where the stretch ends.</param>
/// <param name="Back">Where the split goes on then.</param>
/// <param name="Marks">What goes with that place.</param>
public sealed record SplitTurn(int Epoch, long To, long Back, SplitMarks Marks)
{
    /// <inheritdoc cref="SplitPosition.OrderTimeMax"/>
    public long? OrderTimeMax { get; init; }

    private const string Prefix = "pipeline.turn.";

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web);

    /// <summary>The table's property that holds it.</summary>
    public static string KeyOf(SplitId split) => Prefix + split;

    public string Write() => JsonSerializer.Serialize(this, Json);

    /// <summary>All of a table's, from its properties.</summary>
    /// <exception cref="PipelineException">One is not as this product writes it.</exception>
    public static IReadOnlyDictionary<SplitId, SplitTurn> Of(IReadOnlyDictionary<string, string> properties)
    {
        var turns = new Dictionary<SplitId, SplitTurn>();
        foreach (var (key, value) in properties)
            if (key.StartsWith(Prefix, StringComparison.Ordinal)) turns[SplitId.Parse(key[Prefix.Length..])] = Read(key, value);
        return turns;
    }

    private static SplitTurn Read(string key, string value)
    {
        try
        {
            if (JsonSerializer.Deserialize<SplitTurn>(value, Json) is { Epoch: > 0 } turn && turn.Back >= turn.To) return turn;
        }
        catch (JsonException)
        {
            // Told below, with its name.
        }

        throw new PipelineException(FaultKind.Damaged, $"Table property {key}", "it does not say which stretch of the split is read again", "Restore the table's log, or set the property as it was in an earlier version of it.");
    }
}
