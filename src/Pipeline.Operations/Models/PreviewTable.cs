using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Reading;
using Pipeline.Ingest.Samples;
using Pipeline.Operations.Inspection;
using Pipeline.Operations.Options;
using Pipeline.Operations.Sources;
using Pipeline.Transform.Contracts;
using Pipeline.Transform.Models;
using Pipeline.Transform.Silver;

namespace Pipeline.Operations.Models;

/// <param name="Selector">Of one Silver table, or of a Bronze table that one contract reads.</param>
/// <param name="RecordsMax">So many are taken at most, from 1.</param>
/// <param name="FromBronze">They are taken of the Bronze table in the lake, and no source is asked.</param>
public sealed record PreviewTableRequest(string Selector, int RecordsMax, bool FromBronze);

/// <summary>What became of a record.</summary>
public enum PreviewFate
{
    /// <summary>It is a row of the Silver table.</summary>
    Accepted,

    /// <summary>It breaks rules.</summary>
    Quarantined,

    /// <summary>Another of the same key that was taken too is newer.</summary>
    Superseded,

    /// <summary>It deletes its key's row, which no newer one brings back.</summary>
    Deleted,

    /// <summary>It cannot be decoded.</summary>
    DeadLetter,
}

/// <summary>One record that was taken.</summary>
/// <param name="Number">From 1, as they were taken; dead letters come behind the others.</param>
/// <param name="Rules">That it breaks.</param>
/// <param name="IsHeld">It waits for the rows that it refers to, and for nothing else.</param>
/// <param name="Values">Of an accepted one, in the order of the columns; null of others.</param>
/// <param name="Row">What the quarantine keeps of it, as JSON; null of others.</param>
/// <param name="Letter">Why it cannot be decoded; null of others.</param>
public sealed record PreviewedRow(int Number, PreviewFate Fate, IReadOnlyList<string> Rules, bool IsHeld, IReadOnlyList<object?>? Values, string? Row, SampledLetter? Letter);

/// <summary>A reference that could not be judged.</summary>
/// <param name="Fault">Why the table cannot be read; null: it is not in the lake.</param>
public sealed record UnjudgedReference(string Rule, TableId Table, Fault? Fault);

/// <param name="Columns">Of accepted rows.</param>
/// <param name="IsWhole">There were no more records.</param>
public sealed record PreviewTableResult(TableId Table, TableId From, IReadOnlyList<string> Columns, IReadOnlyList<PreviewedRow> Rows, IReadOnlyList<UnjudgedReference> Unjudged, bool IsWhole);

/// <summary>
/// Shows what a contract makes of real rows: takes some, and makes the table of them in a lake of its own, which goes with it. The pipeline's lake
/// is only read, and sources are left as they are.
/// </summary>
public static class PreviewTable
{
    /// <param name="services">Of the lake that is asked for rows that others refer to, too.</param>
    /// <param name="lake">Is read: for parents, and for Bronze where rows are taken of it.</param>
    /// <exception cref="PipelineException">It is no such table, its rows cannot be read, or a rule of it stops the run.</exception>
    public static async Task<PreviewTableResult> RunAsync(PreviewTableRequest request, PipelineOptions options, SourceServices services, Lake lake, CancellationToken cancellationToken)
    {
        var contract = ContractOf(request.Selector, options);
        var (parents, unjudged) = await ParentsAsync(contract, lake, cancellationToken);
        using var own = new PreviewLake(contract, options.Graph, options.Transform, [.. parents.Keys], services.Time, cancellationToken);
        foreach (var (id, parent) in parents) await own.TakeParentAsync(id, parent);
        var sample = request.FromBronze
            ? await BronzeSample.OfBronzeAsync(contract.From, await LakeInventory.OpenAsync(lake, contract.From, cancellationToken), own.Lake, request.RecordsMax, services.Time, cancellationToken)
            : await OfSourceAsync(contract.From, request.RecordsMax, options, services with { Owner = new LakeOwner(options.Name, own.Lake) }, own.Lake, cancellationToken);
        await own.MakeAsync();
        var (columns, rows) = await RowsAsync(contract, sample, own.Lake, cancellationToken);
        return new PreviewTableResult(contract.Table, contract.From, columns, rows, unjudged, sample.IsWhole);
    }

    private static SilverContract ContractOf(string selector, PipelineOptions options)
    {
        var tables = options.Selector.Select([selector]);
        var contracts = tables.Count == 1 ? options.Graph.Silver.Where(contract => contract.Table == tables[0] || contract.From == tables[0]).ToList() : [];
        return contracts is [var one] ? one : throw new PipelineException(FaultKind.Invalid, $"Selector '{selector}'", contracts.Count == 0 ? "it is not one Silver table" : "several contracts read it",
            $"Choose from: {string.Join(", ", (contracts.Count == 0 ? options.Graph.Silver : contracts).Select(contract => contract.Table))}.");
    }

    private static async Task<(IReadOnlyDictionary<TableId, DeltaTable> Parents, IReadOnlyList<UnjudgedReference> Unjudged)> ParentsAsync(SilverContract contract, Lake lake, CancellationToken cancellationToken)
    {
        var (parents, unjudged) = (new Dictionary<TableId, DeltaTable>(), new List<UnjudgedReference>());
        foreach (var reference in contract.References.Where(reference => reference.Table != contract.Table))
        {
            if (parents.ContainsKey(reference.Table)) continue;
            try
            {
                if (await lake.TryOpenAsync(reference.Table, cancellationToken) is { } parent) parents.Add(reference.Table, parent);
                else unjudged.Add(new UnjudgedReference(reference.Name, reference.Table, Fault: null));
            }
            catch (PipelineException e)
            {
                unjudged.Add(new UnjudgedReference(reference.Name, reference.Table, Fault.Of($"Table {reference.Table}", e)));
            }
        }

        return (parents, unjudged);
    }

    private static async Task<BronzeSample> OfSourceAsync(TableId from, int recordsMax, PipelineOptions options, SourceServices services, Lake own, CancellationToken cancellationToken)
    {
        await using var source = (options.Target?.Sources ?? options.Sources).Single(definition => definition.Name == from.Source).OpenToLook(services, recordsMax);
        return await BronzeSample.OfSourceAsync(source, from, own, recordsMax, services.Time, cancellationToken);
    }

    private static async Task<(IReadOnlyList<string> Columns, IReadOnlyList<PreviewedRow> Rows)> RowsAsync(SilverContract contract, BronzeSample sample, Lake own, CancellationToken cancellationToken)
    {
        var silver = await TableRows.OfAsync(own, contract.Table, cancellationToken);
        var aside = await TableRows.OfAsync(own, TableId.Quarantine(contract.Table.Name), cancellationToken);
        var gone = await TableRows.OfAsync(own, SilverTables.Deleted(contract.Table), cancellationToken);
        // Names of the pipeline's own columns begin so, and no contract's do.
        string[] columns = silver.Columns.Count == 0 ? [.. contract.Columns.Select(column => column.Name)] : [.. silver.Columns.Where(name => name[0] != '_')];
        var (accepted, deleted) = (silver.By(BronzeColumns.IngestedAt), gone.By(BronzeColumns.IngestedAt));
        var quarantined = aside.By(SilverTables.QuarantineKey[1]);
        var rows = new List<PreviewedRow>();
        for (var i = 0; i < sample.Rows; i++)
        {
            var taken = sample.TakenAt + i;
            rows.Add(quarantined.TryGetValue(i, out var broken) ? new PreviewedRow(i + 1, PreviewFate.Quarantined, ((string)broken["_rules"]!).Split(','), broken["_held"] is true, Values: null, (string?)broken["_row"], Letter: null)
                : new PreviewedRow(i + 1, accepted.ContainsKey(taken) ? PreviewFate.Accepted : deleted.ContainsKey(taken) ? PreviewFate.Deleted : PreviewFate.Superseded, [], IsHeld: false,
                    accepted.TryGetValue(taken, out var made) ? [.. columns.Select(column => made[column])] : null, Row: null, Letter: null));
        }

        rows.AddRange(sample.Letters.Select((letter, i) => new PreviewedRow(sample.Rows + i + 1, PreviewFate.DeadLetter, [], IsHeld: false, Values: null, Row: null, letter)));
        return (columns, rows);
    }

    /// <summary>All rows of a small table.</summary>
    /// <param name="Columns">None: there is no table.</param>
    private sealed record TableRows(IReadOnlyList<string> Columns, IReadOnlyList<IReadOnlyDictionary<string, object?>> Rows)
    {
        public static async Task<TableRows> OfAsync(Lake own, TableId id, CancellationToken cancellationToken)
        {
            if (await own.TryOpenAsync(id, cancellationToken) is not { } table) return new TableRows([], []);
            string[] columns = [.. table.Current.Schema.FieldsList.Select(field => field.Name)];
            var rows = new List<IReadOnlyDictionary<string, object?>>();
            await foreach (var batch in TableReader.ReadAsync(table, table.Current, new ReadOptions(), cancellationToken))
            {
                using (batch)
                    for (var row = 0; row < batch.Length; row++) rows.Add(columns.Select((name, i) => (name, Value: ArrowValue.Of(batch.Column(i), row))).ToDictionary(cell => cell.name, cell => cell.Value, StringComparer.Ordinal));
            }

            return new TableRows(columns, rows);
        }

        /// <summary>By a column of numbers or times that no two rows share.</summary>
        public IReadOnlyDictionary<long, IReadOnlyDictionary<string, object?>> By(string column) => Rows.ToDictionary(row => row[column] is LakeTimestamp time ? time.Microseconds : (long)row[column]!);
    }
}
