namespace Pipeline.Core.Metrics;

/// <summary>What is known of a table's freshness at one moment.</summary>
/// <param name="Freshness">Now minus the moment of the source that the table reflects, by the wall clock.</param>
/// <param name="Sla">What is promised: above zero.</param>
/// <param name="LagRecords">Records that wait at the source: what has arrived and not landed. Null: not known.</param>
/// <param name="LandedRecords">Records landed since some moment: a counter, which may begin anew. Null: not known.</param>
/// <param name="Split">Whose figures the last two are, where they are of a part of the table: those of another cannot be compared with them.</param>
/// <remarks>
/// What arrived first has to land first: then all that had arrived at a moment has landed as soon as so much has. Parts of a table
/// of which one stands still while others go on, added up, would not be so.
/// </remarks>
public readonly record struct TableSignals(TimeSpan Freshness, TimeSpan Sla, double? LagRecords = null, double? LandedRecords = null, SplitId? Split = null);
