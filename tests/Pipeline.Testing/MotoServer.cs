using System.Text.RegularExpressions;

namespace Pipeline.Testing;

/// <summary>A <c>moto_server</c>: an S3 service in a child process on a free loopback port. It takes any credentials.</summary>
public sealed partial class MotoServer : IAsyncDisposable
{
    private static readonly TimeSpan StartDeadline = Deadlines.Test;

    private readonly OutsideProgram _program;

    private MotoServer(OutsideProgram program, Uri url) => (_program, Url) = (program, url);

    public Uri Url { get; }

    /// <summary>The server, or what this machine lacks for it.</summary>
    /// <param name="script">Runs <c>moto.server</c> after it has changed it; null: as it is.</param>
    public static async Task<(MotoServer? Server, string Missing)> TryStartAsync(CancellationToken cancellationToken, string? script = null)
    {
        string[] run = script is null ? ["-m", "moto.server"] : ["-c", script];
        if (OutsideProgram.TryStart("python3", [.. run, "-H", "127.0.0.1", "-p", "0"]) is not { } program) return (null, "There is no python3.");
        if (await program.WaitForLineAsync(line => Listening().IsMatch(line), StartDeadline, cancellationToken) is { } found)
            return (new MotoServer(program, new Uri(Listening().Match(found).Groups["url"].Value)), "");
        await program.DisposeAsync();
        return (null, "python3 has no moto.server (pip install 'moto[server]').");
    }

    public ValueTask DisposeAsync() => _program.DisposeAsync();

    [GeneratedRegex(@"Running on (?<url>http://127\.0\.0\.1:\d+)", RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant)]
    private static partial Regex Listening();
}
