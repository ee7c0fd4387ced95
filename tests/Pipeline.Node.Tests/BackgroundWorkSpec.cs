using System.Xml.Linq;
using Akka.Actor;
using Mono.Cecil;
using Mono.Cecil.Cil;
using Pipeline.Testing;

namespace Pipeline.Node.Tests;

/// <summary>
/// No work beside the main path ends where nobody looks. Checked on what the compiled assemblies do, all of them.
/// </summary>
public sealed class BackgroundWorkSpec
{
    private static readonly Lazy<IReadOnlyList<MethodDefinition>> Methods = new(() =>
    [
        .. Directory.GetFiles(Path.Combine(Repository.Root, "src"), "*.csproj", SearchOption.AllDirectories).Select(AssemblyOf)
            .SelectMany(file => ModuleDefinition.ReadModule(file).GetTypes()).SelectMany(type => type.Methods).Where(method => method.HasBody),
    ]);

    [Fact]
    public void An_actor_that_pipes_a_task_to_itself_handles_its_failure()
    {
        var piping = Methods.Value.Where(method => CallsOf(method).Any(IsPipe)).Select(OutermostType).Distinct().ToList();
        var handling = Methods.Value.Where(method => CallsOf(method).Any(IsHandlerOfFailure)).Select(OutermostType).ToHashSet();

        Assert.NotEmpty(piping);
        Assert.Empty(piping.Where(actor => !handling.Contains(actor)).Select(actor => $"{actor.FullName} pipes and has no Receive<Status.Failure>"));
    }

    [Fact]
    public void Nobody_lets_go_of_a_task_whose_end_nobody_sees() =>
        Assert.Empty(Methods.Value.Where(method => OutermostType(method).FullName != "Pipeline.Core.Background").SelectMany(method =>
            from instruction in method.Body.Instructions
            where instruction.OpCode == OpCodes.Pop
            let started = instruction.Previous?.Operand as MethodReference
            where started is not null && IsTask(started.ReturnType) && !IsPipe(started) && started.Name != "ContinueWith"
            select $"{method.FullName} lets go of what {started.FullName} gives: use Background or await it"));

    [Fact]
    public void Nobody_takes_a_cancellation_for_his_own_without_asking_whose_token_it_was() =>
        Assert.Empty(Methods.Value.SelectMany(method => method.Body.ExceptionHandlers.Where(handler => TakesAnyCancellation(method, handler))
            .Select(_ => $"{method.FullName} catches an OperationCanceledException of any token")));

    /// <summary>An exception filter that names the type asks for a token too, or hands the exception to one who does.</summary>
    private static bool TakesAnyCancellation(MethodDefinition method, ExceptionHandler handler)
    {
        if (handler.HandlerType == ExceptionHandlerType.Catch) return IsCancellation(handler.CatchType) && !Rethrows(method, handler);
        if (handler.HandlerType != ExceptionHandlerType.Filter) return false;

        var filter = method.Body.Instructions.SkipWhile(instruction => instruction != handler.FilterStart).TakeWhile(instruction => instruction != handler.HandlerStart).ToList();
        return filter.Any(instruction => instruction.OpCode == OpCodes.Isinst && IsCancellation((TypeReference)instruction.Operand))
            && !filter.Any(instruction => instruction.Operand is MethodReference { Name: "get_IsCancellationRequested" })
            && !Rethrows(method, handler);
    }

    private static bool Rethrows(MethodDefinition method, ExceptionHandler handler) =>
        method.Body.Instructions.SkipWhile(instruction => instruction != handler.HandlerStart).TakeWhile(instruction => instruction != handler.HandlerEnd)
            .Any(instruction => instruction.OpCode == OpCodes.Rethrow || instruction.OpCode == OpCodes.Throw);

    private static bool IsCancellation(TypeReference type) => type.FullName is "System.OperationCanceledException" or "System.Threading.Tasks.TaskCanceledException";

    private static bool IsTask(TypeReference type) =>
        type.Namespace == "System.Threading.Tasks" && type.Name is "Task" or "Task`1" or "ValueTask" or "ValueTask`1";

    private static bool IsPipe(MethodReference called) => called.DeclaringType.FullName == typeof(PipeToSupport).FullName;

    private static bool IsHandlerOfFailure(MethodReference called) =>
        called is GenericInstanceMethod { Name: "Receive" or "ReceiveAsync" or "Command" or "CommandAsync" } handler
        && handler.GenericArguments[0].FullName == "Akka.Actor.Status/Failure";

    private static IEnumerable<MethodReference> CallsOf(MethodDefinition method) => method.Body.Instructions.Select(instruction => instruction.Operand).OfType<MethodReference>();

    private static string AssemblyOf(string project) => Path.Combine(AppContext.BaseDirectory,
        (XDocument.Load(project).Descendants("AssemblyName").SingleOrDefault()?.Value ?? Path.GetFileNameWithoutExtension(project)) + ".dll");

    /// <summary>The type that a reader sees: lambdas and iterators are nested in it.</summary>
    private static TypeDefinition OutermostType(MethodDefinition method)
    {
        var type = method.DeclaringType;
        while (type.DeclaringType is { } outer) type = outer;
        return type;
    }
}
