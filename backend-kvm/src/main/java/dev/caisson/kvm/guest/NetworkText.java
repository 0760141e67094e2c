package dev.caisson.kvm.guest;

import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.ContainerFault.Kind;
import dev.caisson.ttrpc.proto.guest.Interface;
import dev.caisson.ttrpc.proto.guest.NetworkRequest;
import dev.caisson.ttrpc.proto.guest.Route;

/**
 * What a machine says about its pod's network: lines {@code interface MAC MTU NAME}, and behind each its {@code address ADDRESS/PREFIX} and
 * {@code route TARGET/PREFIX GATEWAY}. Pure.
 */
final class NetworkText {
    private static final int LINE_LIMIT = 4096;

    private NetworkText() {}

    static NetworkRequest.Builder parse(String text) throws ContainerFault {
        NetworkRequest.Builder request = NetworkRequest.newBuilder();
        Interface.Builder last = null;
        String[] lines = text.isBlank() ? new String[0] : text.strip().split("\n", LINE_LIMIT);
        for (String line : lines) {
            String[] words = line.split(" ", -1);
            try {
                switch (words[0]) {
                    case "interface" -> {
                        if (last != null) {
                            request.addInterfaces(last);
                        }
                        last = Interface.newBuilder()
                                .setMac(words[1])
                                .setMtu(Integer.parseInt(words[2]))
                                .setName(words[3])
                                .setCard(words.length > 4 ? words[4] : "");
                    }
                    case "address" -> requireInterface(last, line).addAddresses(words[1]);
                    case "route" ->
                        requireInterface(last, line)
                                .addRoutes(
                                        Route.newBuilder().setTarget(words[1]).setGateway(words[2]));
                    default -> throw wrong(line);
                }
            } catch (IndexOutOfBoundsException | NumberFormatException e) {
                throw wrong(line);
            }
        }
        if (last != null) {
            request.addInterfaces(last);
        }
        return request;
    }

    private static Interface.Builder requireInterface(
            Interface.@org.jspecify.annotations.Nullable Builder of, String line) throws ContainerFault {
        if (of == null) {
            throw wrong(line);
        }
        return of;
    }

    private static ContainerFault wrong(String line) {
        return new ContainerFault(Kind.FAILED, "read the pod's network: the machine says \"" + line + "\"");
    }
}
