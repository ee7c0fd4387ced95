using System.Text.RegularExpressions;
using Microsoft.Extensions.Logging;
using Pipeline.Operations.Options;
using Pipeline.Remoting.Wire;
using Serilog;
using Serilog.Core;
using Serilog.Events;
using Serilog.Extensions.Logging;
using Serilog.Formatting;
using Serilog.Parsing;

namespace Pipeline.Node.Composition;

/// <summary>Logs for the person on call: one line an event, in UTC, on standard error, so that standard output holds only data.</summary>
internal static partial class NodeLogs
{
    private const string IfBefore = "If that is a node of the release before: stop its whole cluster before the first node of this release starts";

    /// <summary>The connection is gone, and nothing is known that would be wrong.</summary>
    private const string EndOfConnection = "Akka.Remote.EndpointDisassociatedException";

    /// <summary>What a line says, without when and how loud.</summary>
    internal static readonly ITextFormatter MessageOnly = new ValuesInWords("{Message:lj}");

    private static readonly ITextFormatter Text = new ValuesInWords("{Timestamp:yyyy-MM-dd HH:mm:ss}Z {Level:u3} {Message:lj}{NewLine}{Exception}");

    public static NodeLoggerFactory Create(TextWriter writer, LogLevel level, LogFormat format = LogFormat.Text) => Create(writer, new LogLevels(LevelConvert.ToSerilogLevel(level), TimeProvider.System), format);

    /// <param name="levels">May be changed at any time; they end with what is made.</param>
    public static NodeLoggerFactory Create(TextWriter writer, LogLevels levels, LogFormat format) => new(new SerilogLoggerFactory(CreateLogger(writer, levels, format), dispose: true), levels);

    public static LogEventLevel LevelOf(LogDetail detail) => Enum.Parse<LogEventLevel>(detail.ToString());

    private static Logger CreateLogger(TextWriter writer, LogLevels levels, LogFormat format) => new LoggerConfiguration()
        .MinimumLevel.ControlledBy(levels.Switch)
        .MinimumLevel.Override("Microsoft", LogEventLevel.Warning)
        // Why a host does not start is thrown to whoever starts it, who says it in a line.
        .MinimumLevel.Override("Microsoft.Extensions.Hosting", LogEventLevel.Fatal)
        .Filter.ByExcluding(entry => levels.LevelOf(entry) is var level && (entry.Level < level || (level > LogEventLevel.Debug && (IsChatterOfAkka(entry) || IsEndOfConnection(entry)))))
        .Filter.ByExcluding(IsOfJournal)
        .Filter.ByExcluding(IsPageOfTls)
        .WriteTo.Sink(new WriterSink(writer, format == LogFormat.Json ? new JsonLines() : Text))
        .CreateLogger();

    /// <summary>
    /// Akka tells at Information how its own parts come and go: news only to who looks for details. Our actors are below
    /// <c>/user</c>, but for what manages a singleton, or are entities of a shard, three levels below <c>/system/sharding</c>.
    /// </summary>
    private static bool IsChatterOfAkka(LogEvent entry) =>
        entry.Level < LogEventLevel.Warning
        && entry.Properties.GetValueOrDefault("ActorPath") is ScalarValue { Value: string path }
        && !OurActorPath().IsMatch(path);

    /// <summary>
    /// That a connection between nodes has ended Akka tells as a warning and as an error, with a stack, also where the other has left in order
    /// and its last words came late. What it means is told by who watches the members: it has left, does not answer, or was given up.
    /// </summary>
    private static bool IsEndOfConnection(LogEvent entry) => entry.Level >= LogEventLevel.Warning
        && (entry.Exception?.GetType().FullName == EndOfConnection
            || (entry.MessageTemplate.Text.StartsWith("Association with remote system", StringComparison.Ordinal) && entry.RenderMessage().Contains(EndOfConnection, StringComparison.Ordinal)));

    /// <summary>
    /// What a persistence plug-in cannot do is said by who keeps the journal, once and not at each try. It is known by its
    /// source: the path is that of whoever sends the entry, which is not always the plug-in.
    /// </summary>
    private static bool IsOfJournal(LogEvent entry) =>
        entry.Properties.GetValueOrDefault("LogSource") is ScalarValue { Value: string path } && path.Contains("/system/pipeline.transform.", StringComparison.Ordinal);

    [GeneratedRegex("^akka://[^/]+/(user/(?!(medallion-coordinator|kpi-keeper|lake-maintenance|pipeline-control)$|medallion-coordinator/medallion-coordinator$|pipeline-control/pipeline-control$|[^/]*[Pp]roxy)|system/sharding/[^/]+(?<!Coordinator)/[^/]+/[^/]+)")]
    private static partial Regex OurActorPath();

    /// <summary>What strangers try is told in one line each: a stack says nothing of them.</summary>
    private static LogEvent OneLine(LogEvent entry)
    {
        if (entry.Exception is MessageRefusedException refused) return Saying(entry, refused.Message);
        if (entry.Exception?.GetType().Name == "NotSslRecordException" && Channel().Match(entry.RenderMessage()) is { Success: true } channel)
            return Saying(entry, $"A connection with {Peer(channel)} was refused: it speaks no TLS. {IfBefore}");
        if (entry.Level < LogEventLevel.Warning || entry.Properties.GetValueOrDefault("SourceContext") is not ScalarValue { Value: string }) return entry;
        var text = entry.RenderMessage();
        if (Rejected().Match(text) is { Success: true } rejected)
            return Saying(entry, $"A connection from {Peer(rejected)} was refused: it did not speak TLS as a node of this pipeline. {IfBefore}");
        if (NotAssociated().Match(text) is { Success: true } refusing)
            return Saying(entry, $"No connection with {Peer(refusing)}: it does not speak TLS as a node of this pipeline. {IfBefore}");
        return text.StartsWith("Deserialization failed", StringComparison.Ordinal) ? Saying(entry, text.ReplaceLineEndings(" ")) : entry;
    }

    /// <summary>An address as it is configured: a listening socket takes IPv4 for a part of IPv6.</summary>
    private static string Peer(Match told) => told.Groups["peer"].Value.Replace("::ffff:", "", StringComparison.Ordinal).Replace("[", "", StringComparison.Ordinal).Replace("]", "", StringComparison.Ordinal);

    /// <summary>What the two lines above tell in one, Akka tells again on a page.</summary>
    private static bool IsPageOfTls(LogEvent entry) => entry.Level >= LogEventLevel.Warning && entry.MessageTemplate.Text.Contains("TLS", StringComparison.Ordinal)
        && entry.RenderMessage() is var text && (text.StartsWith("TLS handshake failed on channel", StringComparison.Ordinal) || text.StartsWith("TLS exception on channel", StringComparison.Ordinal));

    [GeneratedRegex(@"->\[?(?<peer>[^)]+?)\]\(Id=", RegexOptions.None, matchTimeoutMilliseconds: 1_000)]
    private static partial Regex Channel();

    [GeneratedRegex(@"^Rejected incoming connection from \[(?<peer>\S+)\] due to TLS", RegexOptions.None, matchTimeoutMilliseconds: 1_000)]
    private static partial Regex Rejected();

    [GeneratedRegex(@"TLS handshake failed on outbound connection to \[(?<peer>\S+?)\]", RegexOptions.None, matchTimeoutMilliseconds: 1_000)]
    private static partial Regex NotAssociated();

    private static LogEvent InUtc(LogEvent entry) => entry.Timestamp.Offset == TimeSpan.Zero ? entry
        : new LogEvent(entry.Timestamp.ToUniversalTime(), entry.Level, entry.Exception, entry.MessageTemplate, entry.Properties.Select(pair => new LogEventProperty(pair.Key, pair.Value)));

    private static LogEvent Saying(LogEvent entry, string text) =>
        new(entry.Timestamp, entry.Level, exception: null, new MessageTemplate([new TextToken(text)]), []);

    private sealed class WriterSink(TextWriter writer, ITextFormatter formatter) : ILogEventSink
    {
        private readonly Lock _lock = new();

        public void Emit(LogEvent logEvent)
        {
            using var text = new StringWriter();
            formatter.Format(InUtc(OneLine(logEvent)), text);
            lock (_lock) writer.Write(text.ToString());
        }
    }
}
