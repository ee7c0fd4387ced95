using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging;
using Pipeline.Core;
using Pipeline.Node.Cli;
using Pipeline.Operations.Models;

namespace Pipeline.Node.Verbs;

/// <summary>Shows what a contract makes of rows that its source has now.</summary>
internal sealed class PreviewVerb : Verb
{
    private const int LimitMax = 10_000;

    private readonly Argument<string> _table;
    private readonly Option<int> _limit;
    private readonly Option<bool> _fromBronze;

    public PreviewVerb() : base("preview", "Show what a contract makes of real rows before anything is committed: which it accepts, which it quarantines and why. Reads the source, leaves nothing there, and writes nothing to the lake.")
    {
        _table = Add(new Argument<string>("TABLE") { Description = "silver/TABLE, the name alone, or the Bronze table that the contract reads." });
        _limit = Add(new Option<int>("--limit") { Description = "At most so many rows are read, up to 10,000.", HelpName = "N", DefaultValueFactory = _ => 20 });
        _limit.Validators.Add(result =>
        {
            if (result.Tokens.Count == 1 && int.TryParse(result.Tokens[0].Value, NumberStyles.Integer, CultureInfo.InvariantCulture, out var limit) && limit is < 1 or > LimitMax) result.AddError($"--limit is from 1 to {LimitMax.ToString("#,0", CultureInfo.InvariantCulture)}.");
        });
        _fromBronze = Add(new Option<bool>("--from-bronze") { Description = "Take the newest rows of the Bronze table that is in the lake already, and ask no source." });
    }

    protected override async Task<int> RunAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellationToken)
    {
        var messages = invocation.Context.Messages;
        using var logs = invocation.CreateLogs(LogLevel.Warning);
        using var waits = new WaitWatch(invocation.Context.Time, notice =>
        {
            if (!notice.IsOver) messages.WriteLine($"{notice.Thing} has waited for {notice.Duration.InWords()}: {notice.Reason}. {notice.NextStep}".TrimEnd());
        });
        var request = new PreviewTableRequest(parsed.GetRequiredValue(_table), parsed.GetValue(_limit), parsed.GetValue(_fromBronze));
        var preview = await PreviewTable.RunAsync(request, invocation.Load(), invocation.Services(logs) with { Waits = waits }, invocation.OpenLake(), cancellationToken);

        if (invocation.Format == OutputFormat.Table) Print(invocation, preview);
        else PrintAll(invocation, preview);
        invocation.Answer.Take("table", preview.Table.ToString());
        invocation.Answer.Take("from", preview.From.ToString());
        invocation.Answer.Take("whole", preview.IsWhole);
        invocation.Answer.Take("unjudged", preview.Unjudged.Select(reference => reference.Rule));
        foreach (var reference in preview.Unjudged)
            messages.WriteLine(reference.Fault is { } fault ? $"Rule {reference.Rule} was not judged. {fault}" : $"Rule {reference.Rule} was not judged: {reference.Table} is not in the lake yet.");
        int Of(PreviewFate fate) => preview.Rows.Count(row => row.Fate == fate);
        messages.WriteLine($"{Plural.Of(preview.Rows.Count, "row")} of {preview.From}{(preview.IsWhole ? ", which are all" : "")}: {Of(PreviewFate.Accepted)} accepted, {Of(PreviewFate.Quarantined)} quarantined, {Of(PreviewFate.Superseded)} superseded, {Plural.Of(Of(PreviewFate.Deleted), "delete")}, {Plural.Of(Of(PreviewFate.DeadLetter), "dead letter")}. Nothing was written.");
        return ExitCode.Done;
    }

    /// <summary>What would be in the table, and then what would not.</summary>
    private static void Print(Invocation invocation, PreviewTableResult preview)
    {
        var accepted = new Listing([Column.ForPeople("row"), .. preview.Columns.Select(Column.Of)]);
        foreach (var row in preview.Rows.Where(row => row.Values is not null)) accepted.Add([row.Number, .. row.Values!.Select(CellText.Of)]);
        invocation.Print(accepted);

        var others = new Listing(Column.ForPeople("row"), Column.ForPeople("fate"), Column.ForPeople("why"), Column.ForPeople("as it came"));
        foreach (var row in preview.Rows.Where(row => row.Values is null)) others.Add(row.Number, Word(row.Fate), Why(row), row.Row);
        invocation.Print(others);
    }

    private static void PrintAll(Invocation invocation, PreviewTableResult preview)
    {
        var listing = new Listing("number", "fate", "rules", "held", "code", "reason", "position", "values", "row");
        foreach (var row in preview.Rows)
            listing.Add(row.Number, Cell.Code(Word(row.Fate)), Cell.List(row.Rules), row.IsHeld, row.Letter?.Code, row.Letter?.Reason, row.Letter?.Position, ValuesOf(preview, row), Cell.Json(row.Row));
        invocation.Print(listing);
    }

    private static JsonObject? ValuesOf(PreviewTableResult preview, PreviewedRow row) =>
        row.Values is { } values ? new JsonObject(preview.Columns.Zip(values, (column, value) => KeyValuePair.Create(column, Listing.ToJson(CellText.Of(value))))) : null;

    private static string Word(PreviewFate fate) => fate switch
    {
        PreviewFate.DeadLetter => "dead letter",
        _ => fate.ToString().ToLowerInvariant(),
    };

    private static string Why(PreviewedRow row) => row.Fate switch
    {
        PreviewFate.Quarantined => $"breaks {string.Join(", ", row.Rules)}{(row.IsHeld ? ", and waits for what it refers to" : "")}",
        PreviewFate.Superseded => "a newer row of its key was read too",
        PreviewFate.Deleted => "deletes its key",
        PreviewFate.DeadLetter => $"{row.Letter!.Code}: {row.Letter.Reason}",
        _ => "",
    };
}
