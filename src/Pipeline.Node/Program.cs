using Pipeline.Node;
using Pipeline.Node.Cli;

NativeMemory.GiveBackAtOnce();
using var interruption = new Interruption();
return await CommandLine.RunAsync(args, NodeContext.OfProcess(interruption));
