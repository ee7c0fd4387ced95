using System.Xml.Linq;
using Mono.Cecil;
using Mono.Cecil.Cil;
using Pipeline.Core;
using Pipeline.Testing;

namespace Pipeline.Node.Tests;

/// <summary>
/// Each native handle has one owner and one end. Who makes one is in the list below, with the end; who keeps one in a field
/// keeps it so that the end waits for its users.
/// </summary>
public sealed class NativeHandleSpec
{
    private const string OneMethod = "of one method, which ends it";
    private const string Gated = "behind a HandleGate: the end waits for the use";
    private const string Counted = "a SafeHandle counts its users";

    /// <summary>Who makes native handles, of what, and what keeps the end from a use.</summary>
    private static readonly Dictionary<string, string> Makers = new(StringComparer.Ordinal)
    {
        ["Pipeline.Delta.Parquet.ArrowDataFileWriter"] = Gated,
        ["Pipeline.Delta.Parquet.ParquetSource"] = "given to the method that asked, which ends it; an iterator is not disposed under its own step",
        ["Pipeline.Delta.Table.CheckpointWriter"] = OneMethod,
        ["Pipeline.Demo.Data.Writers.KafkaWriter"] = Counted,
        ["Pipeline.DuckDb.DuckDbSession"] = Gated,
        ["Pipeline.Emulation.Kafka.EmbeddedKafka"] = Gated,
        ["Pipeline.Emulation.Snowflake.SnowflakeDatabase"] = Counted + "; requests have connections of their own, which keep the database",
        ["Pipeline.Sources.Kafka.Catalog.KafkaTopics"] = Counted + "; a question has a lease of its own",
        ["Pipeline.Sources.Kafka.Client.LibRdKafka"] = Counted + " (QueueHandle)",
        ["Pipeline.Sources.Kafka.Catalog.TopicQuestion"] = OneMethod + ", under a lease",
        ["Pipeline.Sources.Kafka.Client.EndQuestion"] = OneMethod + ", under a lease",
        ["Pipeline.Sources.Kafka.Client.FetchTrial"] = OneMethod,
        ["Pipeline.Sources.Kafka.Reading.KafkaConnection"] = Counted + ", leases among them",
        ["Pipeline.Sources.Kafka.Reading.RecordQueue"] = Gated,
        ["Pipeline.Transform.Coordination.Journal.JournalFile"] = OneMethod,
    };

    /// <summary>Fields that hold native memory or a wrapper of it, without a gate or a counting handle beside them, and why.</summary>
    private static readonly Dictionary<string, string> Fields = new(StringComparer.Ordinal)
    {
        ["Pipeline.Delta.Parquet.ParquetObject"] = "of the method that asked for it, which ends it; an iterator is not disposed under its own step",
        ["Pipeline.Emulation.Snowflake.SnowflakeDatabase"] = Counted,
        ["Pipeline.Emulation.Snowflake.SnowflakeTransaction"] = "of one request, which ends it",
    };

    private static readonly string[] Wrappers =
    [
        "DuckDB.NET.Data.DuckDBConnection", "ParquetSharp.Arrow.FileReader", "ParquetSharp.Arrow.FileWriter", "ParquetSharp.ParquetFileReader", "ParquetSharp.ParquetFileWriter",
        "Microsoft.Data.Sqlite.SqliteConnection",
    ];

    private static readonly Lazy<IReadOnlyList<TypeDefinition>> Types = new(() =>
    [
        .. Directory.GetFiles(Path.Combine(Repository.Root, "src"), "*.csproj", SearchOption.AllDirectories).Select(AssemblyOf)
            .SelectMany(file => ModuleDefinition.ReadModule(file).GetTypes()),
    ]);

    [Fact]
    public void Whoever_makes_a_native_handle_says_how_it_ends()
    {
        var makers = Types.Value.Where(type => type.Methods.Any(method => method.HasBody && method.Body.Instructions.Any(Makes))).Select(OutermostType);

        AssertListed(Makers, makers);
    }

    [Fact]
    public void Whoever_is_listed_with_a_gate_has_one() =>
        Assert.All(Makers.Where(maker => maker.Value == Gated), maker => Assert.Contains(TypeOf(maker.Key).Fields, IsGate));

    [Fact]
    public void A_native_handle_in_a_field_is_behind_a_gate_or_counts_its_users() =>
        AssertListed(Fields, Types.Value.Where(type => !type.IsValueType && !type.Name.Contains('<', StringComparison.Ordinal) && type.Fields.Any(field => !field.IsStatic && IsNative(field.FieldType)))
            .Where(type => !type.Fields.Any(IsGate)).Select(OutermostType));

    private static void AssertListed(Dictionary<string, string> list, IEnumerable<string> found)
    {
        var names = found.ToHashSet(StringComparer.Ordinal);

        Assert.Equal(("", ""), (string.Join(", ", names.Except(list.Keys)), string.Join(", ", list.Keys.Except(names))));
    }

    private static bool Makes(Instruction instruction) => instruction.Operand is MethodReference called
        && ((instruction.OpCode == OpCodes.Newobj && Wrappers.Contains(called.DeclaringType.FullName))
            || (called.Name == "Build" && called.DeclaringType.FullName.StartsWith("Confluent.Kafka.", StringComparison.Ordinal))
            || (called.Name is "NewQueue" or "NewClient" or "NewOptions" or "ConsumerQueue" && called.DeclaringType.FullName.StartsWith("Pipeline.", StringComparison.Ordinal))
            || called.FullName.Contains("NativeMemory::Alloc", StringComparison.Ordinal)
            || called is { Name: ".ctor", DeclaringType.FullName: "Pipeline.Sources.Kafka.Client.QueueHandle" });

    private static bool IsNative(TypeReference type) => type.IsPointer || type.FullName == "System.IntPtr" || Wrappers.Contains(type.FullName);

    private static bool IsGate(FieldDefinition field) => field.FieldType.FullName == typeof(HandleGate).FullName;

    private static TypeDefinition TypeOf(string name) => Types.Value.Single(type => type.FullName == name);

    private static string AssemblyOf(string project) => Path.Combine(AppContext.BaseDirectory,
        (XDocument.Load(project).Descendants("AssemblyName").SingleOrDefault()?.Value ?? Path.GetFileNameWithoutExtension(project)) + ".dll");

    private static string OutermostType(TypeDefinition type)
    {
        while (type.DeclaringType is { } outer) type = outer;
        return type.FullName;
    }
}
