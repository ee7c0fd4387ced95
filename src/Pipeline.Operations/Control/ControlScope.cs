using Pipeline.Core;
using Pipeline.Configuration;
using Pipeline.Operations.Options;

namespace Pipeline.Operations.Control;

/// <summary>The tables and sources that a pipeline is configured with.</summary>
public sealed record ControlScope(IReadOnlyCollection<TableId> Tables, IReadOnlyCollection<string> Sources)
{
    public static ControlScope Of(PipelineOptions options) =>
        new([.. options.BronzeTables, .. options.Graph.Tables], [.. options.Sources.Select(source => source.Name)]);

    /// <exception cref="PipelineException">It is not configured, or the verb is not for such.</exception>
    internal void Require(ControlCommand command)
    {
        var target = command.Target;
        if (target.Kind == ControlTargetKind.Table && !Tables.Contains(target.Table!)) throw Missing("Table", Tables.Select(table => table.ToString()));
        if (target.Kind == ControlTargetKind.Source && !Sources.Contains(target.Name)) throw Missing("Source", Sources);
        var needed = command.Verb switch
        {
            ControlVerb.Trigger or ControlVerb.Rebuild or ControlVerb.Cancel when target.Table?.Layer is not (Layer.Silver or Layer.Gold) => "it is for Silver and Gold tables: what a source brings is read all the time",
            ControlVerb.Leave or ControlVerb.Down or ControlVerb.LogLevel when target.Kind != ControlTargetKind.Node => "it is for nodes: host:port, as their log names them",
            ControlVerb.Backfill or ControlVerb.BackfillPart or ControlVerb.BackfillInOrder when target.Table?.Layer is not Layer.Bronze => "it is for tables of Bronze: './pipeline rebuild' makes others anew",
            ControlVerb.Backfill when command.Value is not null => $"all of the table is read again, and '{command.Value}' is a part: that is {ControlWords.Of(ControlVerb.BackfillPart)}",
            ControlVerb.AcceptGap when target.Table?.Layer != Layer.Bronze => "it is for tables of Bronze: only a source has gaps",
            ControlVerb.Schedule or ControlVerb.Unschedule when target.Table?.Layer is not (Layer.Silver or Layer.Gold) => "it is for Silver and Gold tables: what a source brings is read all the time",
            ControlVerb.Restart when target.Table?.Layer is Layer.Silver or Layer.Gold => "a Silver or Gold table has nothing that could start again: trigger it",
            ControlVerb.Redrive => "a running pipeline does not do it: './pipeline dlq redrive' and './pipeline quarantine redrive' do it beside one",
            _ => null,
        };
        if (needed is not null) throw new PipelineException(FaultKind.Invalid, $"{command.Verb} of {target}", needed, "Name another target, or see './pipeline status' for what there is.");

        PipelineException Missing(string kind, IEnumerable<string> known) =>
            new(FaultKind.Missing, $"{kind} {target}", "it is not configured", $"Name one of the configuration{SettingsReader.Nearest(target.Name, known)}");
    }
}
