using System.CommandLine;
using Pipeline.Node.Cli;

namespace Pipeline.Node.Verbs;

/// <summary>What a running node answers, as it is: for scripts, and for what has no verb of its own.</summary>
internal sealed class AskVerb : Verb
{
    private readonly Argument<string> _path;
    private readonly NodeOptions _node;

    public AskVerb() : base("ask", "Ask a running node, and print what it answers: /v1/openapi.json says what there is, /v1/events/stream goes on until it is interrupted.")
    {
        _path = Add(new Argument<string>("PATH") { Description = "What is asked for, as /v1/status." });
        _path.Validators.Add(result =>
        {
            if (TypedValue.Is(result.GetValueOrDefault<string?>, path => path?.StartsWith('/') != true)) result.AddError("PATH must begin with /, as /v1/status.");
        });
        _node = new NodeOptions(Add, Add);
    }

    protected override bool HasTargets => false;

    protected override bool HasRows => false;

    protected override async Task<int> RunAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellationToken)
    {
        using var node = _node.Connect(invocation, parsed);
        using var answer = await node.GetAsync(parsed.GetRequiredValue(_path), cancellationToken);
        if (invocation.Format == OutputFormat.Json)
        {
            invocation.Answer.Take("answer", Cell.Json(await answer.Content.ReadAsStringAsync(cancellationToken)));
            return ExitCode.Done;
        }

        using var body = new StreamReader(await answer.Content.ReadAsStreamAsync(cancellationToken));
        while (await body.ReadLineAsync(cancellationToken) is { } line)
        {
            await invocation.Context.Data.WriteLineAsync(line.AsMemory(), cancellationToken);
            await invocation.Context.Data.FlushAsync(cancellationToken);
        }

        return ExitCode.Done;
    }
}
