using System.Text.Json.Nodes;
using Pipeline.Configuration;
using Pipeline.Demo;
using Pipeline.Node.Cli;

namespace Pipeline.Node.Tests.Cli;

/// <summary>One use of the command line inside the test's process: what it printed and how it ended.</summary>
internal sealed record NodeRun(int ExitCode, string Data, string Messages)
{
    /// <summary>What a program was answered with <c>-o json</c>.</summary>
    public JsonObject Document => JsonNode.Parse(Data)!.AsObject();

    /// <summary>The rows of that.</summary>
    public JsonArray Rows => Document["rows"]!.AsArray();

    public override string ToString() => $"exit code {ExitCode}\n{Data}{Messages}";

    public static Task<NodeRun> OfAsync(params string[] args) => OfAsync(new Dictionary<string, string>(StringComparer.Ordinal), args);

    public static Task<NodeRun> OfAsync(IReadOnlyDictionary<string, string> environment, params string[] args) => OfAsync(TimeProvider.System, environment, args);

    public static async Task<NodeRun> OfAsync(TimeProvider time, IReadOnlyDictionary<string, string> environment, params string[] args)
    {
        using var data = new StringWriter();
        using var heard = new StringWriter();
        // A node's log is written behind the verb's back.
        await using var messages = TextWriter.Synchronized(heard);
        ReadEnvironmentVariable variables = environment.GetValueOrDefault;
        var code = await CommandLine.RunAsync(args, new NodeContext(data, messages, variables, time, Interruption: null), new DemoVerb());
        return new NodeRun(code, data.ToString(), heard.ToString());
    }
}
