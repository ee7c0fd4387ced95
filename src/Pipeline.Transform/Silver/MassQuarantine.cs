using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using Pipeline.Core;
using Pipeline.Delta.Log;

namespace Pipeline.Transform.Silver;

/// <summary>
/// Runs of a Silver table have set more of their rows aside than is expected, and these are still in the quarantine. It stands in the table's log as the
/// property <see cref="Property"/> from the commit of the first such run to that of the run which finds it mended. Rows that only wait for a parent do not count.
/// </summary>
/// <param name="Run">The first of these runs.</param>
/// <param name="Rows">New rows of these runs.</param>
/// <param name="Quarantined">Of those, the ones that were set aside.</param>
/// <param name="Rule">The rule that most of them break.</param>
/// <param name="OfRule">So many.</param>
/// <param name="PercentMax">What is expected at most, from 1 to 100, by the configuration of the last run.</param>
public sealed record MassQuarantine(long Run, long Rows, long Quarantined, string Rule, long OfRule, int PercentMax)
{
    /// <summary>The table's property.</summary>
    public const string Property = "pipeline.quarantined";

    /// <summary>Of a smaller run a share says nothing.</summary>
    public const int RowsMin = 100;

    private static readonly JsonSerializerOptions Options = new(JsonSerializerDefaults.Web);

    /// <summary>From 0 to 1.</summary>
    [JsonIgnore]
    public double Share => (double)Quarantined / Rows;

    /// <summary>For people, without a value of any row.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Quarantined:#,0} of {Plural.Of(Rows, "row")} went to the quarantine, which is {Share * 100:0.##} % of them and more than the {PercentMax} % that are expected; most break rule {Rule}");

    /// <summary>What a table's log has; null: nothing that this release reads.</summary>
    public static MassQuarantine? Of(Snapshot table)
    {
        ArgumentNullException.ThrowIfNull(table);
        if (table.Metadata.Configuration.GetValueOrDefault(Property) is not { } json) return null;
        try
        {
            return JsonSerializer.Deserialize<MassQuarantine>(json, Options) is { Rows: > 0, Rule: not null } found ? found : null;
        }
        catch (Exception e) when (DataFaults.Are(e))
        {
            return null;
        }
    }

    public string ToJson() => JsonSerializer.Serialize(this, Options);

    /// <summary>Whether it is more than a configuration expects.</summary>
    public bool Exceeds(int percentMax) => IsMore(Quarantined, Rows, percentMax);

    /// <summary>How a table stands after a run.</summary>
    /// <param name="before">How it stood.</param>
    /// <param name="ofRules">What the run has set aside, by rule, without rows that only wait.</param>
    /// <param name="left">Rows that are in the quarantine after the run and wait for nothing.</param>
    internal static MassQuarantine? After(MassQuarantine? before, long run, long rows, long quarantined, ImmutableSortedDictionary<string, long> ofRules, long left, int percentMax)
    {
        if (rows >= RowsMin && IsMore(quarantined, rows, percentMax))
        {
            var (rule, count) = ofRules.OrderByDescending(one => one.Value).Select(one => (one.Key, one.Value)).FirstOrDefault(("", 0));
            return before is null ? new MassQuarantine(run, rows, quarantined, rule, count, percentMax)
                : new MassQuarantine(before.Run, before.Rows + rows, before.Quarantined + quarantined, count > before.OfRule ? rule : before.Rule, Math.Max(count, before.OfRule), percentMax);
        }

        return before is not null && IsMore(Math.Min(left, before.Quarantined), before.Rows, percentMax) ? before with { PercentMax = percentMax } : null;
    }

    private static bool IsMore(long part, long whole, int percentMax) => part * 100m > whole * (decimal)percentMax;
}
