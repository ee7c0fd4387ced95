using System.CommandLine;
using Pipeline.Node.Cli;
using Pipeline.Operations.Models;

namespace Pipeline.Node.Verbs;

internal sealed class CompileVerb : Verb
{
    private readonly Argument<string> _table;
    private readonly Option<string> _engine;

    public CompileVerb() : base("compile", "Print the SQL that makes a Silver or Gold table, as the engine gets it.")
    {
        _table = Add(new Argument<string>("TABLE") { Description = "silver/TABLE, gold/TABLE, or the name alone." });
        _engine = Add(new Option<string>("--engine") { Description = "Whose SQL.", DefaultValueFactory = _ => "duckdb" }.AcceptOnlyFromAmong("duckdb", "spark"));
    }

    protected override bool HasRows => false;

    protected override async Task<int> RunAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellationToken)
    {
        var compiled = await CompileTable.RunAsync(new CompileTableRequest(parsed.GetRequiredValue(_table), parsed.GetValue(_engine) == "spark"), invocation.Load(), invocation.OpenLake(), cancellationToken);

        invocation.Answer.Take("table", compiled.Table.ToString());
        invocation.Answer.Take("engine", compiled.Engine);
        invocation.Answer.Take("sql", compiled.Sql);
        if (invocation.Format == OutputFormat.Table) await invocation.Context.Data.WriteAsync(compiled.Sql);
        return ExitCode.Done;
    }
}
