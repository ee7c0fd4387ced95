using System.CommandLine;
using Microsoft.Extensions.Logging;
using Pipeline.Aws.Secrets;
using Pipeline.Configuration;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Node.Composition;
using Pipeline.Operations.Sources;
using Spectre.Console;

namespace Pipeline.Node.Cli;

/// <summary>A source that is named by its address, of which there is no configuration yet.</summary>
internal sealed class SourceByUrl : IDisposable
{
    public const string PasswordVariable = "PIPELINE_PASSWORD";
    public const string UrlForm = "postgres://USER@HOST[:PORT]/DATABASE, kafka://HOST[:PORT][,…] or snowflake://USER@ACCOUNT/DATABASE. Encrypted, unless the host is this machine or ?tls=disable says so.";

    private readonly ISourceOfUrl _kind;
    private readonly SourceUrl _url;
    private readonly string? _reference;
    private readonly string? _password;
    private readonly NodeContext _context;
    private readonly AwsSecretStore _secrets;

    private SourceByUrl(ISourceOfUrl kind, SourceUrl url, string? reference, string? password, NodeContext context)
    {
        _kind = kind;
        _url = url with { Password = password is null ? null : new Secret(password) };
        _reference = reference;
        _password = password;
        _context = context;
        _secrets = new AwsSecretStore(new LocalSecretStore(), new AwsSecretSettings { Region = context.Environment("AWS_REGION") is { Length: > 0 } region ? region : null }, context.Time);
    }

    /// <summary>What drafts of it are read with.</summary>
    public ReadEnvironmentVariable Environment => name => name == PasswordVariable ? _password : _context.Environment(name);

    /// <summary>The option that says where the password is.</summary>
    public static Option<string?> PasswordOption()
    {
        var option = new Option<string?>("--password") { HelpName = "REFERENCE", Description = $"Where the password is: secret:file:PATH, or of AWS secret:aws:NAME, secret:ssm:NAME. Else it is that of {PasswordVariable}, or asked for at a terminal." };
        option.Validators.Add(result =>
        {
            if (result.GetValue(option) is { } given && !given.StartsWith("secret:", StringComparison.Ordinal))
                result.AddError($"--password takes a reference, secret:file:PATH: a password would stand in the list of processes. Set {PasswordVariable} instead.");
        });
        return option;
    }

    /// <param name="reference">As <c>--password</c> gives it.</param>
    /// <exception cref="PipelineException">There is no such kind of source, or no password.</exception>
    public static SourceByUrl Of(string text, string? reference, NodeContext context)
    {
        var url = SourceUrl.Parse(text);
        var kinds = SourceKinds.All.OfType<ISourceOfUrl>().ToList();
        if (kinds.Find(one => one.Schemes.Contains(url.Scheme, StringComparer.Ordinal)) is not { } kind)
            throw new PipelineException(FaultKind.Invalid, url.Thing, $"'{url.Scheme}' is no kind of source that can be synced",
                $"Correct it{SettingsReader.Nearest(url.Scheme, kinds.SelectMany(one => one.Schemes))} Allowed: {string.Join(", ", kinds.Select(one => $"{one.Schemes[0]}://"))}.");
        return new SourceByUrl(kind, url, reference, reference ?? PasswordOf(kind, url, context), context);
    }

    public ValueTask<IReadOnlyList<DiscoveredTable>> DiscoverAsync(ILoggerFactory logs, Lake lake, CancellationToken cancellationToken) =>
        _kind.DiscoverAsync(_url, ServicesOf(logs, lake), cancellationToken);

    public ValueTask<TableDraft> DraftAsync(string name, ILoggerFactory logs, Lake lake, CancellationToken cancellationToken) =>
        _kind.DraftAsync(_url, name, _reference is null ? $"${{?{PasswordVariable}}}" : TableDraft.Quote(_reference), ServicesOf(logs, lake), cancellationToken);

    public SourceServices ServicesOf(ILoggerFactory logs, Lake lake) => new(_context.Time, logs, _secrets, new LakeOwner("pipeline", lake));

    public void Dispose() => _secrets.Dispose();

    private static string? PasswordOf(ISourceOfUrl kind, SourceUrl url, NodeContext context)
    {
        if (url.Password is { } written)
        {
            context.Messages.WriteLine($"The URL has a password: it stands in the list of processes and in the shell's history. Set {PasswordVariable} instead. It is written nowhere.");
            return written.Reference;
        }

        if (!kind.NeedsPassword(url) || context.Environment(PasswordVariable) is { Length: > 0 }) return context.Environment(PasswordVariable);
        return context.IsTerminal ? context.MessagesConsole().Prompt(new TextPrompt<string>($"Password of {url.Username}:").Secret(mask: null).AllowEmpty())
            : throw new PipelineException(FaultKind.NotAuthorised, url.Thing, $"there is no password for {url.Username}", $"Set {PasswordVariable}, or give --password secret:file:PATH.");
    }
}
