using System.CommandLine;
using Pipeline.Configuration;
using Pipeline.Node.Http.Client;

namespace Pipeline.Node.Cli;

/// <summary>The options of verbs that ask a running node.</summary>
internal sealed class NodeOptions
{
    private readonly Option<Uri?> _url = new("--url")
    {
        Description = "The address of a node of role web, instead of a node of this machine by its socket.",
        HelpName = "URL",
        CustomParser = result =>
        {
            var url = HttpAddress.TryParse(result.Tokens[0].Value);
            if (url is null) result.AddError($"{HttpAddress.Refusal(result.Tokens[0].Value)}. Write {HttpAddress.Form}.");
            return url;
        },
    };

    private readonly Option<string?> _tokenFile = new("--token-file") { Description = $"A file with the token for --url, instead of {NodeClient.TokenVariable} in the environment.", HelpName = "FILE" };

    private readonly Option<string?> _caFile = new("--ca-file") { Description = "A PEM file with the authority of the node's certificate, instead of the system's.", HelpName = "FILE" };

    public NodeOptions(Func<Option<Uri?>, Option<Uri?>> addUrl, Func<Option<string?>, Option<string?>> addText)
    {
        addUrl(_url);
        addText(_tokenFile);
        addText(_caFile);
    }

    /// <summary>Whether an address is given.</summary>
    public bool IsNamed(ParseResult parsed) => parsed.GetValue(_url) is not null;

    /// <exception cref="Core.PipelineException">No such node can be asked.</exception>
    public NodeClient Connect(Invocation invocation, ParseResult parsed) =>
        NodeClient.Connect(invocation, new NodeAddress(parsed.GetValue(_url), parsed.GetValue(_tokenFile), parsed.GetValue(_caFile)));
}
